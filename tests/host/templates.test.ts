import { execFileSync } from "child_process";
import Redis from "ioredis";
import { Settings } from "../../components/directives/directive";
import { directives, parseSettings } from "../../components/directives/settings";
import {
  addresses,
  address,
  nodePort,
  sentinelPort,
  masterName,
  rendered,
  start,
  as,
} from "./support/rendered";

jest.setTimeout(30000);

/** The value of a directive as redis.conf writes it, without its quotes. */
const bare = (value: string): string => value.replace(/^"(.*)"$/, "$1");

// Those that servers of all versions know, and the one on PATH.
const server = / v=(\d+\.\d+)/.exec(execFileSync("redis-server", ["--version"]).toString())![1];
const offered = directives("node").filter(
  ({ type, since, until }) => type && !since && (until === undefined || +server <= +until),
);

// A value other than the default for directives of each type.
const others: Settings = parseSettings(
  "node",
  {
    save: ["60 1", "30 2"],
    "client-output-buffer-limit": "replica 1gb 256mb 60",
    maxmemory: "64mb",
    "maxmemory-policy": "allkeys-lru",
    "maxmemory-clients": "5%",
    "notify-keyspace-events": "KEg$lshzxetdmnA",
    "shutdown-on-sigint": "save force",
    "proc-title-template": "{title} {port}",
    "oom-score-adj-values": "0 100 200",
    "latency-tracking-info-percentiles": ["50", "99.99"],
    "repl-diskless-sync": true,
    "list-max-listpack-size": -5,
    "hash-max-listpack-value": "1kb",
    "ignore-warnings": "ARM64-COW-BUG",
    "slowlog-log-slower-than": -1,
    "acl-pubsub-default": "allchannels",
    "repl-backlog-ttl": 7200,
    "bind-source-addr": "127.0.0.1",
    bgsave_cpulist: "0",
    databases: 4,
    dbfilename: "data.rdb",
    appendfilename: "log.aof",
    appenddirname: "aof",
    "enable-debug-command": "local",
    "io-threads": 2,
    unixsocketperm: "770",
    "syslog-facility": "local7",
  },
  "redis",
).settings;

describe("a node", () => {
  test("starts on the defaults, and has them", async () => {
    const { output } = await start("node", rendered().node);
    expect(output).not.toMatch(/fatal|(?<!configuration )error|\?\?\?/i);
    await as("operator", nodePort, async (call) => {
      for (const { name } of offered) {
        expect([name, await call("config", "get", name)]).toEqual([
          name,
          [name, expect.any(String)],
        ]);
      }
      expect(await call("config", "get", "appendonly")).toEqual(["appendonly", "yes"]);
      expect(await call("config", "get", "save")).toEqual(["save", "3600 1 300 100 60 10000"]);
      expect(await call("config", "get", "client-output-buffer-limit")).toEqual([
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
      ]);
      expect(await call("config", "get", "min-replicas-to-write")).toEqual([
        "min-replicas-to-write",
        "1",
      ]);
    });
  });

  test("starts on other values of each type", async () => {
    expect(Object.keys(others)).toHaveLength(27);
    await start("node", rendered({ redis: others }).node);
    await as("operator", nodePort, async (call) => {
      expect(await call("config", "get", "databases")).toEqual(["databases", "4"]);
      expect(await call("config", "get", "save")).toEqual(["save", "60 1 30 2"]);
      expect(await call("config", "get", "proc-title-template")).toEqual([
        "proc-title-template",
        "{title} {port}",
      ]);
    });
  });

  test("takes the live directives at run time, and no other", async () => {
    await start("node", rendered().node);
    const values: Settings = Object.fromEntries(
      rendered()
        .node.split("\n")
        .map((line) => /^([a-z][\w-]*) (.*)$/.exec(line))
        .flatMap((match) => (match ? [[match[1], match[2]]] : [])),
    );
    await as("operator", nodePort, async (call) => {
      for (const directive of offered) {
        const reply = await call("config", "set", directive.name, bare(values[directive.name]));
        // Redis takes appendonly; it is fixed for the data's sake.
        const live = directive.class === "live" || directive.name === "appendonly";
        expect([directive.name, reply]).toEqual([
          directive.name,
          live ? "OK" : expect.stringMatching(/can't set (immutable|protected) config/),
        ]);
      }
      for (const [name, value] of Object.entries(others)) {
        if (offered.find((one) => one.name === name)?.class === "live") {
          expect([name, await call("config", "set", name, bare(value))]).toEqual([name, "OK"]);
        }
      }
    });
  });

  test("takes at run time what a start makes of the same value, and tells it alike", async () => {
    const least = Object.fromEntries(
      offered
        .filter(({ class: kind, name }) => kind === "live" && name !== "bind-source-addr")
        .map(({ name, type }) => [
          name,
          others[name] ?? /(?:at least|from) (-?\d+)/.exec(type!.expected)?.[1],
        ])
        .filter(([, value]) => value !== undefined),
    ) as Settings;
    expect(Object.keys(least).length).toBeGreaterThan(50);
    const [started, set] = addresses;
    // Together they break rules of ours, which Redis does not know.
    const node = Object.entries(least).reduce(
      (text, [name, value]) =>
        text.replace(new RegExp(`^${name} .*$`, "m"), () => `${name} ${value}`),
      rendered({}, started).node,
    );
    await start("node", node, [], started);
    await start("node", rendered({}, set).node, [], set);
    const names = Object.keys(least);
    const told = (at: string) =>
      as(
        "operator",
        nodePort,
        async (call) => {
          for (const name of at === set ? names : [])
            expect([name, await call("config", "set", name, bare(least[name]))]).toEqual([
              name,
              "OK",
            ]);
          const values = names.map(async (name) => [name, await call("config", "get", name)]);
          return Object.fromEntries((await Promise.all(values)) as [string, unknown][]);
        },
        at,
      );
    expect(await told(set)).toEqual(await told(started));
  });

  test("has no directive that the table does not know", async () => {
    await start("node", rendered().node);
    await as("operator", nodePort, async (call) => {
      const reply = (await call("config", "get", "*")) as string[];
      const names = reply.filter((_, index) => index % 2 === 0);
      // Older names, and another way to write four.
      const other = /slave|ziplist|^lua-time-limit$|-cpulist$/;
      const current = names.filter((name) => !other.test(name));
      const known = directives("node").map(({ name }) => name);
      expect(current.filter((name) => !known.includes(name))).toEqual([]);
    });
  });

  test("lets nobody in without a password, and applications do what they need", async () => {
    await start("node", rendered().node, ["min-replicas-to-write 0"]);
    await as("application", nodePort, async (call) => {
      expect(await call("set", "key", "1")).toBe("OK");
      expect(await call("eval", "return redis.call('incr', KEYS[1])", "1", "key")).toBe(2);
      expect(await call("publish", "channel", "text")).toBe(0);
      expect(await call("wait", "0", "1")).toBe(0);
      expect(await call("info", "server")).toMatch("redis_version");
      for (const [name, ...args] of [
        ["keys", "*"],
        ["flushall"],
        ["config", "get", "*"],
        ["acl", "list"],
        ["shutdown"],
        ["replicaof", "no", "one"],
        ["client", "kill", "type", "normal"],
        ["monitor"],
      ]) {
        expect([name, await call(name, ...args)]).toEqual([name, expect.stringMatching(/^NOPERM/)]);
      }
    });
    const stranger = new Redis({
      host: address,
      port: nodePort,
      enableReadyCheck: false,
      retryStrategy: () => null,
      protocol: 2,
    });
    await expect(stranger.ping()).rejects.toThrow("NOAUTH");
    stranger.disconnect();
  });
});

describe("a sentinel", () => {
  test("starts on the defaults", async () => {
    const { output } = await start("sentinel", rendered().sentinel);
    expect(output).not.toMatch(/fatal|(?<!configuration )error/i);
    await as("application", sentinelPort, async (call) => {
      expect(await call("sentinel", "get-master-addr-by-name", masterName)).toEqual([
        address,
        String(nodePort),
      ]);
      expect(await call("psubscribe", "*")).toBe(1);
    });
    await as("application", sentinelPort, async (call) => {
      const master = (await call("sentinel", "master", masterName)) as string[];
      const value = (field: string): string => master[master.indexOf(field) + 1];
      expect(value("down-after-milliseconds")).toBe("6001");
      expect(value("failover-timeout")).toBe("10000");
      expect(value("parallel-syncs")).toBe("1");
      for (const args of [
        ["failover", masterName],
        ["set", masterName, "quorum", "1"],
        ["remove", masterName],
        ["reset", "*"],
      ]) {
        expect([args, await call("sentinel", ...args)]).toEqual([
          args,
          expect.stringMatching(/^NOPERM/),
        ]);
      }
    });
  });

  test("starts on other values, and takes the live directives at run time", async () => {
    const sentinel = {
      "down-after-milliseconds": 2000,
      "failover-timeout": 20000,
      "parallel-syncs": 2,
      "master-reboot-down-after-period": 1000,
      "deny-scripts-reconfig": false,
      "notification-script": "/bin/true",
      loglevel: "debug",
      maxclients: 1000,
      "protected-mode": true,
      "client-output-buffer-limit": "pubsub 1mb 1mb 10",
    };
    await start("sentinel", rendered({ sentinel }).sentinel);
    const live = directives("sentinel").filter((one) => one.class === "live");
    expect(live).toHaveLength(4);
    await as("operator", sentinelPort, async (call) => {
      for (const { name } of live) {
        expect([name, await call("sentinel", "set", masterName, name, "7000")]).toEqual([
          name,
          "OK",
        ]);
      }
    });
  });
});
