import { ChildProcess, spawn } from "child_process";
import Redis from "ioredis";
import { mkdtempSync, rmSync, writeFileSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";
import { setTimeout as sleep } from "timers/promises";
import { startWriter, Writer, WriterOptions } from "../writer";

jest.setTimeout(60000);

const host = "127.0.3.1";
const account = { username: "application", password: "application-of-the-writer-test" };
const user = `user default off\nuser application on >${account.password} ~* &* +@all`;
let directory: string;
let node: ChildProcess;
let sentinel: ChildProcess;
let redis: Redis;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "writer-"));
  const start = (name: string, lines: string[], ...args: string[]) => {
    const file = join(directory, name);
    writeFileSync(file, [`bind ${host}`, `dir ${directory}`, ...lines].join("\n") + "\n");
    return spawn("redis-server", [file, ...args], { stdio: "ignore" });
  };
  node = start("node.conf", ["port 6389", 'save ""', user]);
  const monitor = [
    `sentinel monitor test ${host} 6389 1`,
    `sentinel auth-user test ${account.username}`,
    `sentinel auth-pass test ${account.password}`,
  ];
  sentinel = start("sentinel.conf", ["port 26389", user, ...monitor], "--sentinel");
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
});

const start = async (options: Partial<WriterOptions> = {}): Promise<Writer> =>
  (writer = await startWriter({
    sentinels: [{ host, port: 26389 }],
    masterName: "test",
    ...account,
    ...options,
  }));

test("a quiet master loses nothing and leaves no gap, and the writer's keys are taken away", async () => {
  const writer = await start();
  await sleep(500);
  const result = await writer.stop();
  expect(result).toMatchObject({ lost: 0, torn: 0, wrong: 0, failed: 0 });
  expect(result.acknowledged).toBeGreaterThan(20);
  expect(result.longestGap).toBeLessThan(0.5);
  expect(await redis.dbsize()).toBe(0);
});

test("acknowledged writes that are gone are counted", async () => {
  const writer = await start({ shares: { set: 1 } });
  await sleep(200);
  const keys = await redis.keys("writer:*");
  await redis.del(keys.slice(0, 3));
  expect(await writer.stop()).toMatchObject({ lost: 3 });
});

test("what is lost is told while the writing goes on", async () => {
  const writer = await start({ shares: { set: 1 } });
  await sleep(200);
  const first = await writer.soFar();
  expect(first).toMatchObject({ lost: 0 });
  await redis.del((await redis.keys("writer:*")).slice(0, 2));
  const then = await writer.soFar();
  expect(then).toMatchObject({ lost: 2 });
  expect(then.acknowledged).toBeGreaterThan(first.acknowledged);
  expect(await writer.stop()).toMatchObject({ lost: 2 });
});

test("a time without answers is a gap, up to the very end of the writing", async () => {
  const writer = await start({ shares: { set: 1 } });
  node.kill("SIGSTOP");
  await sleep(1000);
  const stopped = writer.stop();
  node.kill("SIGCONT");
  const { longestGap, gaps, lost } = await stopped;
  expect(longestGap).toBeGreaterThan(0.9);
  expect(gaps.at(-1)?.length).toBe(longestGap);
  expect(lost).toBe(0);
});
