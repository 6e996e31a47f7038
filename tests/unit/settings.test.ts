import { sentinelDirectives } from "../../components/directives/sentinel";
import { directives, effectiveSettings, parseSettings } from "../../components/directives/settings";

const place = { address: "10.0.0.1", leastReplicas: "1" };

const accepted = (name: string, value: unknown): string | undefined =>
  parseSettings("node", { [name]: value }, "redis").settings[name];

const problem = (name: string, value: unknown): string | undefined => {
  const [first] = parseSettings("node", { [name]: value }, "redis").problems;
  return first && `${first.key} ${first.seen}; expected ${first.expected}`;
};

describe("the table", () => {
  const all = [...directives("node"), ...directives("sentinel")];

  test.each(["node", "sentinel"] as const)("names each %s directive once", (daemon) => {
    const names = directives(daemon).map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });

  test("says for each owned directive what to do instead", () => {
    const mute = all.filter((one) => one.class === "owned" && !one.note);
    expect(mute).toEqual([]);
  });

  test("writes no line of its own that a server of another version would not start on", () => {
    const newer = all.filter(({ since }) => since);
    expect(newer.length).toBeGreaterThan(5);
    for (const { name, class: kind, default: value } of newer)
      expect([name, kind, value]).toEqual([name, "restart", undefined]);
    expect(Object.keys(effectiveSettings("node", place, {}))).toEqual(
      expect.not.arrayContaining(newer.map(({ name }) => name)),
    );
  });

  test("has only defaults of the directive's own type", () => {
    for (const { name, type, default: value } of all) {
      const text = typeof value === "function" ? value(place, {}) : value;
      if (text !== undefined) {
        expect([name, type?.parse(text)]).toEqual([name, text]);
      }
    }
  });

  // The legacy group's settings that are not departures; current names.
  test.each([
    ["protected-mode", "yes"],
    ["tcp-backlog", "511"],
    ["timeout", "0"],
    ["tcp-keepalive", "300"],
    ["loglevel", "notice"],
    ["databases", "16"],
    ["stop-writes-on-bgsave-error", "yes"],
    ["rdbcompression", "yes"],
    ["rdbchecksum", "yes"],
    ["dbfilename", "dump.rdb"],
    ["replica-serve-stale-data", "yes"],
    ["replica-read-only", "yes"],
    ["repl-diskless-sync", "no"],
    ["repl-disable-tcp-nodelay", "no"],
    ["replica-priority", "100"],
    ["appendonly", "yes"],
    ["appendfilename", "appendonly.aof"],
    ["appendfsync", "everysec"],
    ["no-appendfsync-on-rewrite", "no"],
    ["auto-aof-rewrite-percentage", "100"],
    ["auto-aof-rewrite-min-size", "64mb"],
    ["aof-load-truncated", "yes"],
    ["busy-reply-threshold", "5000"],
    ["slowlog-log-slower-than", "10000"],
    ["slowlog-max-len", "128"],
    ["latency-monitor-threshold", "0"],
    ["notify-keyspace-events", '""'],
    ["hash-max-listpack-entries", "512"],
    ["hash-max-listpack-value", "64"],
    ["list-max-listpack-size", "-2"],
    ["list-compress-depth", "0"],
    ["set-max-intset-entries", "512"],
    ["zset-max-listpack-entries", "128"],
    ["zset-max-listpack-value", "64"],
    ["hll-sparse-max-bytes", "3000"],
    ["activerehashing", "yes"],
    ["client-output-buffer-limit", "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60"],
    ["hz", "10"],
    ["aof-rewrite-incremental-fsync", "yes"],
  ])("keeps the legacy %s %s", (name, value) => {
    expect(effectiveSettings("node", place, {})[name]).toBe(value);
  });

  test.each([
    ["down-after-milliseconds", "6001"],
    ["parallel-syncs", "1"],
  ])("keeps the legacy sentinel %s %s", (name, value) => {
    expect(effectiveSettings("sentinel", place, {})[name]).toBe(value);
  });

  // The role writes none of these, or writes others; each has its reason in the table.
  test.each([
    ["bind", "10.0.0.1 127.0.0.1"],
    ["shutdown-on-sigterm", "nosave"],
    ["repl-diskless-sync-delay", "0"],
    ["repl-backlog-size", "64mb"],
    ["min-replicas-to-write", "1"],
    ["min-replicas-max-lag", "5"],
  ])("departs from the legacy group with %s %s, and says why", (name, value) => {
    const departed = directives("node").filter(({ departure }) => departure);
    expect(effectiveSettings("node", place, {})[name]).toBe(value);
    expect(departed.map((directive) => directive.name)).toContain(name);
    expect(departed).toHaveLength(6);
  });

  test.each([
    ["1gb", "64mb"],
    ["256mb", "16777216"],
    ["1", "1"],
  ])("of a maxmemory of %s the backlog takes %s", (maxmemory, size) => {
    expect(effectiveSettings("node", place, { maxmemory })["repl-backlog-size"]).toBe(size);
  });

  test("a node without an AOF saves when it is stopped", () => {
    const settings = effectiveSettings("node", place, { appendonly: "no" });
    expect(settings["shutdown-on-sigterm"]).toBe("save");
  });

  test.each([
    ["bind", "10.0.0.1 127.0.0.1"],
    ["failover-timeout", "10000"],
    ["master-reboot-down-after-period", "6001"],
  ])("departs from the legacy sentinel with %s %s, and says why", (name, value) => {
    const departed = directives("sentinel").filter(({ departure }) => departure);
    expect(effectiveSettings("sentinel", place, {})[name]).toBe(value);
    expect(departed.map((directive) => directive.name)).toContain(name);
    expect(departed).toHaveLength(3);
  });
});

describe("values", () => {
  test.each<[string, unknown, string]>([
    ["maxmemory", "2gb", "2gb"],
    ["maxmemory", "2GB", "2gb"],
    ["maxmemory", 1048576, "1048576"],
    ["maxmemory-clients", "5%", "5%"],
    ["hz", "100", "100"],
    ["hz", 500, "500"],
    ["list-max-listpack-size", -5, "-5"],
    ["activedefrag", true, "yes"],
    ["activedefrag", "no", "no"],
    ["appendfsync", false, "no"],
    ["oom-score-adj", "relative", "relative"],
    ["save", "3600 1 300 100", "3600 1 300 100"],
    ["save", ["3600 1", "300 100"], "3600 1 300 100"],
    ["save", "", '""'],
    ["save", [], '""'],
    ["save", '""', '""'],
    [
      "client-output-buffer-limit",
      "replica 1gb 256mb 60",
      "normal 0 0 0 replica 1gb 256mb 60 pubsub 32mb 8mb 60",
    ],
    [
      "client-output-buffer-limit",
      ["pubsub 0 0 0", "normal 1mb 1mb 1"],
      "normal 1mb 1mb 1 replica 256mb 64mb 60 pubsub 0 0 0",
    ],
    ["notify-keyspace-events", "KEA", "KEA"],
    ["notify-keyspace-events", "", '""'],
    ["unixsocket", "/run/redis-cluster/node/redis.sock", "/run/redis-cluster/node/redis.sock"],
    ["unixsocketperm", "770", "770"],
    ["shutdown-on-sigterm", "save force", "save force"],
    ["shutdown-on-sigterm", ["nosave", "now"], "nosave now"],
    ["proc-title-template", "{title} {port}", '"{title} {port}"'],
    ["bind", "10.0.0.1 127.0.0.1", "10.0.0.1 127.0.0.1"],
    ["oom-score-adj-values", [0, 100, 200], "0 100 200"],
    ["latency-tracking-info-percentiles", "50 99.9", "50 99.9"],
  ])("%s takes %j as %s", (name, value, expected) => {
    expect(accepted(name, value)).toBe(expected);
  });

  test.each<[string, unknown]>([
    ["maxmemory", "2tb"],
    ["maxmemory", "-1"],
    ["maxmemory", true],
    ["maxmemory", null],
    ["maxmemory", {}],
    ["maxmemory-clients", "0%"],
    ["maxmemory-clients", "101%"],
    ["repl-backlog-size", 16383],
    ["client-query-buffer-limit", "1kb"],
    ["hz", 0],
    ["hz", 501],
    ["hz", "ten"],
    ["hz", 1.5],
    ["hz", ""],
    ["maxclients", 65504],
    ["shutdown-timeout", 61],
    ["activedefrag", "maybe"],
    ["activedefrag", 1],
    ["appendfsync", true],
    ["appendfsync", "hourly"],
    ["save", "3600"],
    ["save", "3600 -1"],
    ["save", ["3600 1", "300"]],
    ["client-output-buffer-limit", "replica 1gb 256mb"],
    ["client-output-buffer-limit", "clients 0 0 0"],
    ["client-output-buffer-limit", "normal x 0 0"],
    ["client-output-buffer-limit", ""],
    ["notify-keyspace-events", "KEQ"],
    ["unixsocket", "/tmp/redis.sock"],
    ["unixsocketperm", 504],
    ["unixsocketperm", "888"],
    ["shutdown-on-sigterm", "save nosave"],
    ["shutdown-on-sigterm", "default now"],
    ["dbfilename", "../dump.rdb"],
    ["dbfilename", ""],
    ["appenddirname", "a/b"],
    ["bind", "console"],
    ["bind", ""],
    ["bind", "10.0.0.300"],
    ["oom-score-adj-values", "200 100 0"],
    ["oom-score-adj-values", "0 100"],
    ["latency-tracking-info-percentiles", "101"],
  ])("%s refuses %j", (name, value) => {
    expect(accepted(name, value)).toBeUndefined();
    expect(problem(name, value)).toMatch(new RegExp(`^redis\\.${name} is .*; expected `));
  });

  test.each<[string, unknown]>([
    ["proc-title-template", "a\nrequirepass x"],
    ["proc-title-template", "a\0b"],
    ["proc-title-template", "trailing\n"],
    ["save", ["3600 1", "300\n100"]],
    ["save", "3600 1\r\n300 100"],
    ["maxmemory", "1gb\n"],
  ])("%s refuses the line break in %j", (name, value) => {
    expect(accepted(name, value)).toBeUndefined();
    expect(problem(name, value)).toMatch("contains a line break or a control character");
  });
});

describe("names", () => {
  test.each([
    ["maxmemroy", "maxmemory"],
    ["max-memory", "maxmemory"],
    ["slaveof", "replicaof"],
    ["slave-priority", "replica-priority"],
    ["min-slaves-to-write", "min-replicas-to-write"],
    ["hash-max-ziplist-entries", "hash-max-listpack-entries"],
    ["lua-time-limit", "busy-reply-threshold"],
    ["MaxMemory", "maxmemory"],
  ])("%s is unknown, and %s offered", (name, meant) => {
    expect(problem(name, 1)).toBe(
      `redis.${name} is unknown; expected a Redis directive, of 7.0 or 8.0, by its current name; did you mean ${meant}?`,
    );
  });

  test("a name like no other gets no offer", () => {
    expect(problem("colour", 1)).toMatch(/by its current name$/);
    expect(problem("__proto__", 1) ?? problem("constructor", 1)).toMatch("is unknown");
  });

  test.each([
    ["port", "nodePort"],
    ["requirepass", "applicationPassword"],
    ["masterauth", "replicationPassword"],
    ["replicaof", "bootstrapMaster"],
    ["replica-announce-ip", "address"],
    ["dir", "/var/lib/redis-cluster"],
    ["tls-port", "redis-cluster:tls"],
    ["cluster-enabled", "Redis Cluster"],
  ])("%s is the program's own, with a pointer to %s", (name, pointer) => {
    expect(problem(name, "hunter2")).toMatch(
      new RegExp(`^redis\\.${name} is set by this program; expected no override .*${pointer}`),
    );
    expect(problem(name, "hunter2")).not.toMatch("hunter2");
  });

  test("a directive of the one daemon is unknown to the other", () => {
    expect(problem("down-after-milliseconds", 1)).toMatch("is unknown");
    const { problems } = parseSettings("sentinel", { maxmemory: "1gb" }, "sentinel");
    expect(problems).toHaveLength(1);
  });
});

test("every wrong override is reported, and the right ones are kept", () => {
  const { settings, problems } = parseSettings(
    "node",
    { hz: 20, port: 1, colour: 2, timeout: "soon" },
    "hosts.app-1.redis",
  );
  expect(settings).toEqual({ hz: "20" });
  expect(problems.map(({ key }) => key)).toEqual([
    "hosts.app-1.redis.port",
    "hosts.app-1.redis.colour",
    "hosts.app-1.redis.timeout",
  ]);
});

test.each([[["hz"]], ["hz 10"], [null]])("%j is no map of directives", (value) => {
  expect(parseSettings("node", value, "redis").problems).toMatchObject([
    { key: "redis", expected: "a map of directives" },
  ]);
});

test("a long value is cut in the message", () => {
  expect(problem("hz", "9".repeat(500))?.length).toBeLessThan(200);
});

describe("effective settings", () => {
  test("hold every offered directive in the table's order, overrides on top", () => {
    const settings = effectiveSettings("node", place, { hz: "20" });
    expect(settings.hz).toBe("20");
    expect(settings.maxmemory).toBe("0");
    expect(Object.keys(settings)).toEqual(
      directives("node")
        .filter(({ type, since }) => type && !since)
        .map(({ name }) => name),
    );
  });

  test("leave out what has no default", () => {
    const scripts = sentinelDirectives.filter((one) => one.type && one.default === undefined);
    expect(scripts.map(({ name }) => name)).toEqual([
      "notification-script",
      "client-reconfig-script",
    ]);
    const settings = effectiveSettings("sentinel", place, {});
    expect(settings).not.toHaveProperty("notification-script");
  });
});
