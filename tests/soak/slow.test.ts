import {
  ask,
  eventually,
  Host,
  hosts,
  info,
  lab,
  losingNothing,
  namedMaster,
  on,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
} from "../helpers/lab";

// A replica that takes ten minutes to sync, and a group that takes five to load.

// Twice ten minutes, and what a restart takes.
jest.setTimeout(3_600_000);

let dev: Stack;
const node = (host: string) => ({ host, daemon: "node" }) as const;
const slowKeys = 20_000;
const dropIn = "/run/systemd/system/redis-cluster.service.d";

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
  await writeKeys(dev, "console", 0, slowKeys);
});

it("a restart-class change goes through a group whose master takes ten minutes for a sync", async () => {
  // 30 ms a key.
  await ask(dev, node((await namedMaster(dev))!), "CONFIG", "SET", "rdb-key-save-delay", "30000");
  await set("redis.tcp-backlog", "1024");
  const began = performance.now();
  // Redis ends a sync during which more than 64 MB are written, by its client-output-buffer-limit.
  const few = { writesPerSecond: 20, bytesPerSecond: 40_000, heldBytes: 200_000 };
  await losingNothing(dev, () => dev.stack.up(), few);
  const seconds = (performance.now() - began) / 1000;
  console.log(`up took ${seconds.toFixed(0)} s`);
  expect(seconds).toBeGreaterThan(1200);
  await untilWhole(300);
  expect(await ask(dev, node((await namedMaster(dev))!), "EXISTS", "key:0", "key:19999")).toBe(2);
});

it("a live change goes through a group that takes five minutes to load", async () => {
  // 15 ms a key.
  const slowly =
    "ExecStart=/usr/bin/redis-server /etc/redis-cluster/redis-cluster.conf --key-load-delay 15000 --loading-process-events-interval-bytes 1024";
  for (const host of hosts) {
    await ask(dev, node(host), "CONFIG", "SET", "rdb-key-save-delay", "0");
    // What is in the AOF's base is delayed.
    await ask(dev, node(host), "BGREWRITEAOF");
    await eventually("its AOF is rewritten", 60, async () => {
      const told = await info(dev, node(host), "persistence");
      return `${told.aof_rewrite_in_progress}${told.aof_rewrite_scheduled}` === "00";
    });
    on(
      host,
      `mkdir -p ${dropIn} && printf '%s\\n' '[Service]' ExecStart= '${slowly}' >${dropIn}/slow.conf && systemctl daemon-reload`,
    );
  }
  const master = (await namedMaster(dev)) as Host;
  for (const host of hosts)
    on(host, "systemctl kill --kill-who=main -s KILL redis-cluster redis-sentinel");
  await eventually("it loads", 60, async () => {
    return (await info(dev, node(master), "persistence")).loading === "1";
  });
  for (const host of hosts) on(host, `rm -r ${dropIn} && systemctl daemon-reload`);
  await set("redis.hz", "20");
  const began = performance.now();
  const { summary } = await dev.stack.up();
  expect(summary.result).toBe("succeeded");
  console.log(`up took ${((performance.now() - began) / 1000).toFixed(0)} s`);
  await untilWhole(300);
  const now = (await namedMaster(dev))!;
  expect(await ask(dev, node(now), "EXISTS", "key:0", "key:19999")).toBe(2);
  for (const host of hosts) {
    expect(await ask(dev, node(host), "CONFIG", "GET", "hz")).toEqual(["hz", "20"]);
  }
});
