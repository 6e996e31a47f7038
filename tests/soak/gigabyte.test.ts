import Redis from "ioredis";
import {
  address,
  eventually,
  Host,
  hosts,
  lab,
  losingNothing,
  meanwhileOn,
  namedMaster,
  nodePort,
  on,
  openStack,
  Stack,
  untilWhole,
} from "../helpers/lab";

// A gigabyte a node, while an application writes 5 MB/s.

let dev: Stack;
const megabytes = 1024;
const writes = { bytesPerSecond: 5e6 };

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);

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
  const redis = await client();
  for (let n = 0; n < megabytes; n++) {
    await redis.set(`bulk:${n}`, bulk(n));
    if (n % 64 === 63) await redis.wait(2, 30_000);
  }
  redis.disconnect();
  await untilWhole(300);
});

afterEach(async () => {
  await untilWhole(300);
  await everyBulkIsThere();
  for (const host of hosts) {
    // A save that goes on has one.
    await eventually(`${host} has no file of a save left`, 300, () => {
      return on(host, "find /var/lib/redis-cluster -name 'temp-*'") === "";
    });
  }
});

it("live", async () => {
  await set("redis.hz", "20");
  await losingNothing(dev, () => dev.stack.up(), writes);
});

it("restart, every node by a full sync, and a handover", async () => {
  await set("redis.tcp-backlog", "1024");
  await losingNothing(dev, () => dev.stack.up(), writes);
});

it("a planned stop", async () => {
  const old = (await namedMaster(dev)) as Host;
  await losingNothing(
    dev,
    async () => {
      await meanwhileOn(old, "systemctl restart redis-cluster");
      await untilWhole(300);
    },
    writes,
  );
  expect(await namedMaster(dev)).not.toBe(old);
});
