// What each user may do on the real daemons, and no more.
import { ChildProcess, spawn } from "child_process";
import { eventually } from "../helpers/redisGroup";
import {
  addresses,
  address,
  nodePort,
  sentinelPort,
  masterName,
  passwords,
  Daemon,
  rendered,
  start,
  as,
  running,
  kill,
} from "./support/rendered";

jest.setTimeout(30000);

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
