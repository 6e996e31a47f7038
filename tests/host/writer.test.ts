import { ChildProcess, spawn } from "child_process";
import Redis from "ioredis";
import { mkdtempSync, rmSync, writeFileSync } from "fs";
import { AddressInfo, connect, createServer, Server, Socket } from "net";
import { tmpdir } from "os";
import { join } from "path";
import { setTimeout as sleep } from "timers/promises";
import { startWriter, Writer, WriterOptions, WriterResult } from "../writer";

jest.setTimeout(60000);

const host = "127.0.3.1";
const account = { username: "application", password: "application-of-the-writer-test" };
const everything = "user default off ~* &* +@all";
const nothing = "user default off resetkeys resetchannels -@all";
const user = `user application on >${account.password} ~* &* +@all`;
let directory: string;
let node: ChildProcess;
let sentinel: ChildProcess;
let redis: Redis;

function daemon(name: string, lines: string[], ...args: string[]): ChildProcess {
  const file = join(directory, name);
  writeFileSync(file, [`bind ${host}`, `dir ${directory}`, user, ...lines].join("\n") + "\n");
  return spawn("redis-server", [file, ...args], { stdio: "ignore" });
}

// With everysec a write waits in the process while an fsync is under way, and is gone with it.
const startNode = (defaultUser: string) =>
  daemon("node.conf", [
    "port 6389",
    'save ""',
    "appendonly yes",
    "appendfsync always",
    defaultUser,
  ]);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "writer-"));
  node = startNode(everything);
  const monitor = [
    `sentinel monitor test ${host} 6389 1`,
    `sentinel auth-user test ${account.username}`,
    `sentinel auth-pass test ${account.password}`,
  ];
  sentinel = daemon("sentinel.conf", ["port 26389", everything, ...monitor], "--sentinel");
  redis = new Redis({ host, port: 6389, ...account, retryStrategy: () => 50 });
  redis.on("error", () => undefined);
});

afterAll(() => {
  redis.disconnect();
  node.kill("SIGKILL");
  sentinel.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

let writer: Writer | undefined;
afterEach(async () => {
  await writer?.stop().catch(() => undefined);
  await redis.flushall();
});

const start = async (options: Partial<WriterOptions> = {}): Promise<Writer> =>
  (writer = await startWriter({
    sentinels: [{ host, port: 26389 }],
    masterName: "test",
    ...account,
    ...options,
  }));

/** What is wrong, as "kind what count". */
function faults({ kinds }: WriterResult): string[] {
  return Object.entries(kinds).flatMap(([kind, figures]) =>
    (["lost", "torn", "wrong"] as const)
      .filter((what) => figures[what] > 0)
      .map((what) => `${kind} ${what} ${figures[what]}`),
  );
}

/** The writer's keys of the kind, the oldest first. */
async function keysOf(kind: string): Promise<string[]> {
  const keys = await redis.keys(`writer:*:${kind}:*`);
  return keys.sort((a, b) => number(a) - number(b));
}
const number = (key: string) => Number(key.split(":")[3]);

async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await what().catch(() => false))) {
    if (performance.now() > deadline) throw new Error("not within 30 s");
    await sleep(20);
  }
}

/** Until so many writes of the kind have been acknowledged. */
const wrote = (kind: keyof WriterResult["kinds"], count: number) =>
  until(async () => (await writer!.soFar()).kinds[kind].acknowledged >= count);

test("a quiet master loses nothing and leaves no gap, and the writer's keys are taken away", async () => {
  const writer = await start();
  await sleep(500);
  const result = await writer.stop();
  expect(faults(result)).toEqual([]);
  expect(result).toMatchObject({ lost: 0, torn: 0, wrong: 0, failed: 0 });
  expect(result.acknowledged).toBeGreaterThan(20);
  expect(result.longestGap).toBeLessThan(0.5);
  expect(await redis.dbsize()).toBe(0);
  expect(await redis.call("FUNCTION", "LIST")).toEqual([]);
});

test("writes of every kind are acknowledged, and counted by it", async () => {
  const writer = await start();
  const seen = (result: WriterResult) =>
    Object.entries(result.kinds)
      .filter(([, { acknowledged }]) => acknowledged === 0)
      .map(([kind]) => kind);
  await until(async () => seen(await writer.soFar()).join() === "unlink");
  const result = await writer.stop();
  expect(faults(result)).toEqual([]);
  const counts = Object.values(result.kinds).map(({ acknowledged }) => acknowledged);
  expect(result.acknowledged).toBe(counts.reduce((sum, count) => sum + count));
});

/** What somebody does to the data behind the writer's back, and what is found by it. */
const damages: [
  string,
  keyof NonNullable<WriterOptions["shares"]>,
  () => Promise<unknown>,
  string[],
][] = [
  ["three writes", "set", async () => redis.del((await keysOf("set")).slice(0, 3)), ["set lost 3"]],
  ["a value", "set", async () => redis.append((await keysOf("set"))[0], "x"), ["set wrong 1"]],
  ...(["multi", "eval", "fcall"] as const).flatMap((kind): typeof damages => [
    [`a key of ${kind}`, kind, async () => redis.del((await keysOf(kind))[0]), [`${kind} torn 1`]],
    [
      `all keys of ${kind}`,
      kind,
      async () => redis.del((await keysOf(kind)).slice(0, 3)),
      [`${kind} lost 1`],
    ],
    [
      `a value of ${kind}`,
      kind,
      async () => redis.setrange((await keysOf(kind))[0], 5, "??"),
      [`${kind} wrong 1`],
    ],
  ]),
  [
    "the library",
    "fcall",
    async () => redis.call("FUNCTION", "DELETE", (await libraries())[0]),
    ["function lost 1"],
  ],
  [
    "two increments",
    "incr",
    async () => redis.decrby((await keysOf("shared"))[0], 2),
    ["incr lost 2"],
  ],
  [
    "a foreign increment",
    "incr",
    async () => redis.incr((await keysOf("shared"))[0]),
    ["incr wrong 1"],
  ],
  ["an element", "lpush", async () => redis.lpop(await closed()), ["lpush lost 1"]],
  [
    "an element that is there twice",
    "lpush",
    async () => redis.rpush(await closed(), (await redis.lrangeBuffer(await closed(), 0, 0))[0]),
    ["lpush wrong 1"],
  ],
  [
    "a popped element",
    "lpush",
    async () => {
      const key = await closed();
      const there = (await redis.lrange(key, 0, -1)).map((value) => Number(value.split(":")[0]));
      const elements = Array.from({ length: 100 }, (_, i) => number(key) + 1 + i);
      const popped = elements.find((n) => !there.includes(n));
      await redis.rpush(key, `${popped}:back`);
    },
    ["blpop lost 1"],
  ],
  ["a member", "spop", async () => redis.spop(await closed()), ["sadd torn 1"]],
  ["a set", "spop", async () => redis.del(await closed()), ["sadd lost 1"]],
  ["one popped member", "spop", () => comeBack(1), ["spop torn 1"]],
  ["all popped members", "spop", () => comeBack(100), ["spop lost 17"]],
  ["a time to live", "expire", async () => redis.persist(await lasting()), ["expire lost 1"]],
  [
    "a short time to live",
    "expire",
    async () => redis.persist(await fleeting()),
    ["expire lost 1"],
  ],
  ["another expiry", "expire", async () => redis.expire(await lasting(), 60), ["expire wrong 1"]],
  [
    "a key that has a time to live",
    "expire",
    async () => redis.del(await lasting()),
    ["expire lost 1"],
  ],
];

const libraries = async () =>
  ((await redis.call("FUNCTION", "LIST")) as string[][]).map((fields) => fields[1]);
/** A list or set that the writer is done with: it has begun another. */
const closed = async () => (await keysOf("shared"))[0];
/** Keys whose expiry is far, and near. */
const lasting = async () => byLifetime((left) => left > 60_000);
const fleeting = async () => byLifetime((left) => left < 60_000);
async function byLifetime(fits: (left: number) => boolean): Promise<string> {
  for (const key of await keysOf("expire")) if (fits(await redis.pttl(key))) return key;
  throw new Error("no such key");
}
async function comeBack(count: number): Promise<void> {
  const key = await closed();
  const there = await redis.smembers(key);
  const all = Array.from({ length: 100 }, (_, i) => `member:${i}:of:${key}`);
  await redis.sadd(key, all.filter((member) => !there.includes(member)).slice(0, count));
}

test.each(damages)("what is done to %s is found, and not twice", async (_, kind, damage, found) => {
  const writer = await start({ shares: { [kind]: 1 } });
  await until(async () => (await keysOf("*")).length > 20 || (await keysOf("shared")).length > 1);
  if (["incr", "lpush", "spop"].includes(kind)) await writer.soFar();
  expect(faults(await writer.soFar())).toEqual([]);
  await damage();
  // A missing library is found by the next call.
  if (kind === "fcall") await sleep(200);
  expect(faults(await writer.soFar())).toEqual(found);
  expect(faults(await writer.stop())).toEqual(found);
});

test("what is told while the writing goes on is what was lost until then", async () => {
  const writer = await start({ shares: { set: 1 } });
  await wrote("set", 50);
  const first = await writer.soFar();
  expect(first).toMatchObject({ lost: 0 });
  await wrote("set", first.acknowledged + 1);
  await redis.del((await keysOf("set")).slice(0, 2));
  expect(await writer.soFar()).toMatchObject({ lost: 2 });
  expect(await writer.stop()).toMatchObject({ lost: 2 });
});

test("a time without answers is a gap, up to the very end of the writing", async () => {
  const writer = await start();
  node.kill("SIGSTOP");
  await sleep(1000);
  const stopped = writer.stop();
  node.kill("SIGCONT");
  const { longestGap, gaps, lost } = await stopped;
  expect(longestGap).toBeGreaterThan(0.9);
  expect(gaps.at(-1)?.length).toBe(longestGap);
  expect(lost).toBe(0);
});

describe("more than is to be held", () => {
  const options = { bytesPerSecond: 10e6, heldBytes: 1e6 };

  test("is read back and taken away: memory is bounded, and nothing is missed", async () => {
    const writer = await start(options);
    await until(async () => (await writer.soFar()).bytes > 20e6);
    const used = /used_memory:(\d+)/.exec(await redis.info("memory"))![1];
    expect(Number(used)).toBeLessThan(15e6);
    const result = await writer.stop();
    expect(faults(result)).toEqual([]);
    expect(result.failed).toBe(0);
  });

  test("what was lost before, and what is back after it, is told at the end", async () => {
    const writer = await start({ ...options, shares: { set: 1 } });
    const [first] = await keysOf("set");
    const lost = (await keysOf("set")).at(-1)!;
    await redis.del(lost);
    await until(async () => (await writer.soFar()).kinds.unlink.acknowledged > 10);
    await redis.set(first, "back");
    expect(faults(await writer.stop())).toEqual(["set lost 1", "unlink lost 1"]);
  });
});

describe("a start from the AOF", () => {
  const restart = async (defaultUser: string) => {
    node.kill("SIGKILL");
    await new Promise((resolve) => node.once("exit", resolve));
    node = startNode(defaultUser);
  };
  afterEach(() => restart(everything));

  test.each([
    ["all rights", [], everything],
    ["no rights", ["eval", "fcall", "multi", "spop"], nothing],
  ])("as a default user of %s loses of %j", async (_, dropped, defaultUser) => {
    const writer = await start();
    await wrote("spop", 100);
    await restart(defaultUser);
    await wrote("spop", 150);
    const found = faults(await writer.stop());
    const kinds = new Set(found.map((fault) => fault.replace(/ .*/, "")));
    expect([...kinds].sort()).toEqual(dropped);
    expect(found.join()).not.toMatch(/torn|wrong/);
  });
});

describe("a connection that breaks", () => {
  let proxy: Server;
  const open = new Set<Socket>();
  let mute: "answers" | "questions" | undefined;

  beforeAll(async () => {
    proxy = createServer((client) => {
      const server = connect(6389, host);
      for (const socket of [client, server]) {
        open.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          open.delete(socket);
          [client, server].forEach((each) => each.destroy());
        });
      }
      client.on("data", (data) => mute !== "questions" && server.write(data));
      server.on("data", (data) => mute !== "answers" && client.write(data));
    });
    await new Promise<void>((resolve) => proxy.listen(0, host, resolve));
  });
  afterAll(() => proxy.close());

  const through = (): Partial<WriterOptions> => ({
    natMap: { [`${host}:6389`]: { host, port: (proxy.address() as AddressInfo).port } },
  });
  const broken = async (what: "answers" | "questions") => {
    mute = what;
    await sleep(100);
    for (const socket of open) socket.destroy();
    mute = undefined;
  };

  test.each(["answers", "questions"] as const)(
    "with its %s not passed on: those writes are in doubt, and none is lost or wrong",
    async (what) => {
      const writer = await start(through());
      await wrote("spop", 20);
      for (let time = 0; time < 3; time++) {
        await broken(what);
        await wrote("spop", (await writer.soFar()).kinds.spop.acknowledged + 20);
      }
      const result = await writer.stop();
      expect(faults(result)).toEqual([]);
      const doubtful = Object.values(result.kinds).filter((each) => each.doubtful > 0);
      expect(doubtful.length).toBeGreaterThan(4);
    },
  );

  test("with increments in doubt: nothing later makes up for one that is lost", async () => {
    const writer = await start({ ...through(), shares: { incr: 1 } });
    await until(async () => Number(await redis.get((await keysOf("shared"))[0])) > 20);
    const [counter] = await keysOf("shared");
    await broken("answers");
    const value = Number(await redis.get(counter));
    // Without a look by the writer itself, which would begin another counter too.
    await until(async () => Number(await redis.get((await keysOf("shared")).at(-1)!)) > value);
    expect(Number(await redis.get(counter))).toBe(value);
    const { doubtful } = (await writer.soFar()).kinds.incr;
    expect(doubtful).toBeGreaterThan(0);
    await redis.del(counter);
    const { lost } = (await writer.stop()).kinds.incr;
    expect(lost).toBeLessThan(value);
    expect(lost).toBeGreaterThanOrEqual(value - doubtful);
  });
});
