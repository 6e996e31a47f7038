import { ChildProcess, execFileSync, spawn } from "child_process";
import { createHash } from "crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "fs";
import Redis from "ioredis";
import { tmpdir } from "os";
import { join } from "path";
import {
  renderNodeUsers,
  renderRedisConf,
  renderSentinelConf,
  renderSentinelUsers,
} from "../../components/release/render";
import { Settings } from "../../components/directives/directive";
import { directives, parseSettings } from "../../components/directives/settings";
import { host, topologyConfig } from "../helpers/config";
import { eventually } from "../helpers/redisGroup";

/** What the templates render, read by the real redis-server (on PATH). */

jest.setTimeout(30000);

const addresses = ["127.0.5.1", "127.0.5.2", "127.0.5.3"];
const [address] = addresses;
const [nodePort, sentinelPort] = [6389, 26389];
const masterName = "redis-dev-cluster";
const passwords = {
  application: 'application "1" ü',
  replication: "replication",
  sentinel: "sentinel",
  operator: "operator",
  monitoring: "monitoring",
};

const hash = (password: string) => createHash("sha256").update(password).digest("hex");
const config = topologyConfig({ users: { application: {} } });

type Daemon = "node" | "sentinel";

/** The two files of the host that gets this address. */
function rendered(more: Record<string, unknown> = {}, at = address): Record<Daemon, string> {
  const config = topologyConfig({
    hosts: {
      console: host("10.77.0.11"),
      "app-1": host("10.77.0.12"),
      "app-2": host("10.77.0.13"),
    },
    ...more,
  });
  const [first] = config.hosts;
  // Members announce no loopback address, so the rendered one is exchanged for the test's; and all of
  // this machine's hosts share 127.0.0.1.
  const here = (text: string): string =>
    text.replaceAll(first.address, at).replace(/^bind .*$/m, `bind ${at}`);
  return {
    node: here(renderRedisConf(config, first)),
    sentinel: here(renderSentinelConf(config, first)),
  };
}

let directory: string;
let running: ChildProcess[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "templates-"));
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map(kill));
  rmSync(directory, { recursive: true });
});

async function kill(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode === null && daemon.signalCode === null) {
    const ended = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill("SIGKILL");
    await ended;
  }
}

/**
 * Starts a daemon on a file as a host composes it, in a directory of the test's own, and waits until
 * it is up. `role` is what the host adds about the master. Returns the process and what it printed.
 */
async function start(
  daemon: Daemon,
  text: string,
  role: string[] = [],
  at = address,
): Promise<{ daemon: ChildProcess; output: string }> {
  const own = join(directory, `${daemon}-${at}`);
  mkdirSync(own, { recursive: true });
  const users = daemon === "node" ? renderNodeUsers(config) : renderSentinelUsers(config);
  writeFileSync(
    join(own, "conf"),
    [
      ...(daemon === "sentinel" ? [`sentinel monitor ${masterName} ${address} ${nodePort} 2`] : []),
      text
        .replace(/^dir .*$/m, `dir ${own}`)
        .replace(/^logfile .*$/m, 'logfile ""')
        .replace(/^supervised .*$/m, "supervised no"),
      users.replace(/#(\w+)/g, (_, name: keyof typeof passwords) => `#${hash(passwords[name])}`),
      ...role,
    ].join("\n"),
  );
  const child = spawn("redis-server", [
    join(own, "conf"),
    ...(daemon === "sentinel" ? ["--sentinel"] : []),
  ]);
  running.push(child);
  const ready = daemon === "node" ? "Ready to accept connections" : "+monitor master";
  const output = await new Promise<string>((resolve, reject) => {
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      if (printed.includes(ready)) {
        resolve(printed);
      }
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`redis-server ended: ${printed}`)));
  });
  return { daemon: child, output };
}

/** Runs commands as a user; an error reply is given as its text. */
async function as<T>(
  user: keyof typeof passwords,
  port: number,
  work: (call: (...command: string[]) => Promise<unknown>) => Promise<T>,
  at = address,
): Promise<T> {
  const redis = new Redis({
    host: at,
    port,
    username: user,
    password: passwords[user],
    enableReadyCheck: user === "application" && port === nodePort,
    retryStrategy: () => null,
    protocol: 2,
  });
  redis.on("error", () => null);
  try {
    return await work((name, ...args) =>
      redis.call(name, ...args).catch((error: unknown) => (error as Error).message),
    );
  } finally {
    redis.disconnect();
  }
}

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

/** What each user is refused; the operator, whose daemons these are, nothing. */
test.each<[Daemon, keyof typeof passwords, string[], string[][]]>([
  [
    "node",
    "replication",
    ["replconf", "listening-port", "6389"],
    [["get", "key"], ["info"], ["role"], ["config", "get", "*"]],
  ],
  [
    "node",
    "sentinel",
    ["config", "rewrite"],
    [
      ["get", "key"],
      ["config", "get", "*"],
      ["config", "set", "hz", "20"],
      ["flushall"],
      ["psync", "?", "-1"],
    ],
  ],
  [
    "node",
    "monitoring",
    ["latency", "histogram"],
    [
      ["get", "key"],
      ["keys", "*"],
      ["config", "get", "*"],
      ["client", "kill", "type", "normal"],
      ["slowlog", "reset"],
    ],
  ],
  [
    "sentinel",
    "sentinel",
    ["ping"],
    [
      ["sentinel", "failover", masterName],
      ["sentinel", "masters"],
      ["info"],
      ["publish", "+switch-master", "x"],
    ],
  ],
  [
    "sentinel",
    "monitoring",
    ["sentinel", "slaves", masterName],
    [
      ["sentinel", "failover", masterName],
      ["sentinel", "reset", "*"],
      ["sentinel", "config", "get", "*"],
      ["acl", "list"],
    ],
  ],
])("on a %s the user %s may %j and no more", async (daemon, user, granted, refused) => {
  await start(daemon, rendered()[daemon]);
  const port = daemon === "node" ? nodePort : sentinelPort;
  await as(user, port, async (call) => {
    for (const words of refused) {
      expect([words, await call(words[0], ...words.slice(1))]).toEqual([
        words,
        expect.stringMatching(/^NOPERM/),
      ]);
    }
    expect(String(await call(granted[0], ...granted.slice(1)))).not.toMatch(/^NOPERM/);
  });
});

/** What an exporter that asks as the user monitoring tells of the first host's daemons. */
async function scrapedByExporter(options: string[]): Promise<Record<Daemon, string>> {
  const listen = `${address}:9121`;
  const child = spawn(
    "prometheus-redis-exporter",
    ["-redis.user", "monitoring", "-web.listen-address", listen, ...options],
    { env: { ...process.env, REDIS_PASSWORD: passwords.monitoring }, stdio: "ignore" },
  );
  running.push(child);
  await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  await eventually(10, () =>
    fetch(`http://${listen}/`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const scrape = async (port: number) =>
    (await fetch(`http://${listen}/scrape?target=redis://${address}:${port}`)).text();
  return { node: await scrape(nodePort), sentinel: await scrape(sentinelPort) };
}

/** Which commands a daemon of the first host refused. */
const refused = (port: number): Promise<string[]> =>
  as("operator", port, async (call) =>
    ((await call("acl", "log")) as string[][]).map((entry) => entry[entry.indexOf("object") + 1]),
  );

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

test("the users have the rights that replication and a failover need, and a group uses no other", async () => {
  const sentinel = { "down-after-milliseconds": 1000, "failover-timeout": 10000 };
  const replicaOf = (master: string): string[] => [
    "masteruser replication",
    "masterauth replication",
    ...(master === "" ? [] : [`replicaof ${master} ${nodePort}`]),
  ];
  const asking = [
    `sentinel auth-user ${masterName} sentinel`,
    `sentinel auth-pass ${masterName} sentinel`,
    "sentinel sentinel-user sentinel",
    "sentinel sentinel-pass sentinel",
  ];
  const nodes: ChildProcess[] = [];
  for (const at of addresses) {
    const files = rendered({ sentinel }, at);
    const role = replicaOf(at === address ? "" : address);
    nodes.push((await start("node", files.node, role, at)).daemon);
    await start("sentinel", files.sentinel, asking, at);
  }
  const everyone = <T>(port: number, work: Parameters<typeof as<T>>[2]): Promise<T[]> =>
    Promise.all(addresses.map((at) => as("operator", port, work, at)));
  const masters = (): Promise<unknown[]> =>
    everyone(sentinelPort, (call) => call("sentinel", "get-master-addr-by-name", masterName));
  const summary = /name=redis-dev-cluster,status=ok,address=.*,slaves=2,sentinels=3/;
  const whole = async (): Promise<boolean> =>
    (await everyone(sentinelPort, (call) => call("info", "sentinel"))).every((text) =>
      summary.test(text as string),
    );
  const linked = async (): Promise<number> =>
    (await everyone(nodePort, (call) => call("info", "replication"))).filter((text) =>
      (text as string).includes("master_link_status:up"),
    ).length;

  await eventually(15, async () => (await whole()) && (await linked()) === 2);

  // Debian's exporter as the user monitoring, with all that it can be told to ask.
  const scraped = await scrapedByExporter(["-export-client-list", "-ping-on-connect"]);
  expect(scraped.node).toMatch(/^redis_connected_slaves 2$/m);
  expect(scraped.node).toMatch(/^redis_connected_clients_details\{/m);
  expect(scraped.sentinel).toMatch(/^redis_sentinel_master_ok_slaves\{.*\} 2$/m);
  expect(scraped.sentinel).toMatch(/^redis_sentinel_master_ok_sentinels\{.*\} 3$/m);
  expect(scraped.sentinel).toMatch(/^redis_connected_clients_details\{/m);
  // It asks for the whole configuration, in which there are passwords, and goes on without.
  expect(await refused(nodePort)).toEqual(["config|get"]);
  expect(await refused(sentinelPort)).toEqual([]);
  await as("operator", nodePort, (call) => call("acl", "log", "reset"));

  await kill(nodes[0]);
  await eventually(15, async () =>
    (await masters()).every((master) => (master as string[])[0] !== address),
  );
  // The old master comes back as the host composes it: as a replica.
  const [[master]] = (await masters()) as [string[]];
  await start("node", rendered({ sentinel }).node, replicaOf(master));
  await eventually(15, async () => (await linked()) === 2 && (await whole()));

  for (const port of [nodePort, sentinelPort]) {
    expect(await everyone(port, (call) => call("acl", "log"))).toEqual([[], [], []]);
  }
}, 60_000);
