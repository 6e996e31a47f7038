import { automation } from "@pulumi/pulumi";
import Redis from "ioredis";
import {
  address,
  ask,
  eventually,
  Host,
  hosts,
  info,
  lab,
  meanwhileOn,
  namedMaster,
  nodePort,
  nothingLost,
  on,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
  writerOn,
} from "../helpers/lab";

// A replica that takes ten minutes to sync, a group that takes five to load, and a gigabyte a node under 5 MB/s.

let dev: Stack;
const node = (host: string) => ({ host, daemon: "node" }) as const;
const slowKeys = 20_000;
const megabytes = 1024;
const dropIn = "/run/systemd/system/redis-cluster.service.d";

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);

/** How long `up` took, in seconds, under a writer that lost nothing. */
async function upUnder(bytesPerSecond: number): Promise<number> {
  const writer = await writerOn(dev, { bytesPerSecond });
  const began = performance.now();
  let result: automation.UpResult | undefined;
  try {
    result = await dev.stack.up();
  } finally {
    const written = await nothingLost(writer);
    console.log(
      `up took ${((performance.now() - began) / 1000).toFixed(0)} s; longest gap ${written.longestGap.toFixed(2)} s`,
    );
  }
  expect(result.summary.result).toBe("succeeded");
  await untilWhole(300);
  return (performance.now() - began) / 1000;
}

/** The value of key `n`, of a megabyte; each is another, none compresses. */
function bulk(n: number): Buffer {
  const value = Buffer.alloc(1 << 20);
  for (let at = 0, word = n + 1; at < value.length; at += 4) {
    word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d) + at;
    value.writeInt32LE(word | 0, at);
  }
  return value;
}

const client = async () =>
  new Redis({
    host: address((await namedMaster(dev))!),
    port: nodePort,
    username: "application",
    password: dev.passwords.application,
    disableClientInfo: true,
  });

async function everyBulkIsThere(): Promise<void> {
  const redis = await client();
  for (let n = 0; n < megabytes; n++) {
    if (!bulk(n).equals((await redis.getBuffer(`bulk:${n}`))!))
      throw new Error(`bulk:${n} is another`);
  }
  redis.disconnect();
}

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
  expect(await upUnder(20_000)).toBeGreaterThan(600);
  expect(await ask(dev, node((await namedMaster(dev))!), "EXISTS", "key:0", "key:19999")).toBe(2);
});

it("a live change goes through a group that takes five minutes to load", async () => {
  // 15 ms a key.
  const slowly =
    "ExecStart=/usr/bin/redis-server /etc/redis-cluster/redis-cluster.conf --key-load-delay 15000 --loading-process-events-interval-bytes 1024";
  for (const host of hosts) {
    await ask(dev, node(host), "CONFIG", "SET", "rdb-key-save-delay", "0");
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

it("a gigabyte a node under 5 MB/s: live, restart and a planned stop lose nothing", async () => {
  const redis = await client();
  for (let n = 0; n < megabytes; n++) {
    await redis.set(`bulk:${n}`, bulk(n));
    if (n % 64 === 63) await redis.wait(2, 30_000);
  }
  redis.disconnect();
  await untilWhole(300);
  await set("redis.hz", "30");
  await upUnder(5e6);
  await set("redis.tcp-backlog", "511");
  await upUnder(5e6);
  const writer = await writerOn(dev, { bytesPerSecond: 5e6 });
  const old = (await namedMaster(dev)) as Host;
  await meanwhileOn(old, "systemctl restart redis-cluster");
  expect(await namedMaster(dev)).not.toBe(old);
  await untilWhole(300);
  const result = await nothingLost(writer);
  console.log(`planned stop: longest gap ${result.longestGap.toFixed(2)} s`);
  await everyBulkIsThere();
  for (const host of hosts) {
    expect(on(host, "find /var/lib/redis-cluster -name 'temp-*'")).toBe("");
  }
});
