import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Group } from "./support/group";
import { Host } from "./support/hosts";
import { backupsOf, called, directory, savingGroup } from "./support/saving";

jest.setTimeout(120000);

// What a group begins with: a backup that an operator has asked for.

let group: Group;
let replica: Host;

const names = () => backupsOf(replica);
const newest = () => names().slice(-1)[0];
const restore = (...name: string[]) => replica.run("restore", ...name);
const asked = `${directory}/restore`;
const data = "/var/lib/redis-cluster";
/** What a start of the first master does first. */
const restored = (conf: string) =>
  replica.python(`
from redis_cluster.restore import restore_asked
from redis_cluster.settings import Settings
print(restore_asked(Settings("${replica.path(conf)}"), "${replica.name}"))`);
/** How many keys a Redis with an AOF loads there. */
const loaded = (place: string): number => {
  const socket = join(place, "socket");
  const words = ["--dir", place, "--appendonly", "yes", "--port", "0", "--unixsocket", socket];
  const redis = spawn("redis-server", words, { stdio: "ignore" });
  try {
    const ask = (...words: string[]) =>
      spawnSync("redis-cli", ["-s", socket, ...words], { encoding: "utf8" }).stdout.trim();
    while (redis.exitCode === null && ask("PING") !== "PONG");
    return Number(ask("DBSIZE"));
  } finally {
    redis.kill("SIGKILL");
  }
};
let name: string;

beforeAll(async () => {
  ({ group, replica } = await savingGroup());
  for (const [file, text] of Object.entries(replica.releaseFiles()))
    replica.write(`staged/${file}`, text);
  replica.write("initialised", "");
  expect(await called(replica, "backup", "3")).toMatchObject({ status: 0 });
  [name] = names();
});
afterAll(() => group.destroy());

test("a restore is refused of what is not proven, or not there", async () => {
  for (const each of [name, "20200101T000000Z", "../x"])
    expect(await restore(each)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("is not proven here; expected one of: 2") as string,
    });
  expect(existsSync(replica.path(asked))).toBe(false);
});

test("a restore changes nothing in a living group, and keeps its backup", async () => {
  expect(await called(replica, "prove-backup", name)).toMatchObject({ status: 0 });
  expect(await restore(name)).toMatchObject({
    status: 0,
    stderr: expect.stringContaining("nothing is changed yet. Now 'pulumi destroy'") as string,
  });
  expect((await replica.run("node-prove")).stdout).toBe(`${replica.name} initialised\n`);
  for (let count = 0; count < 2; count++)
    expect(await called(replica, "backup", "1")).toMatchObject({ status: 0 });
  expect(names().filter((each) => each.startsWith("2"))).toEqual([name, newest()]);
});

test("a restore is what the group begins with, and what was there stays", async () => {
  await replica.stop("node");
  rmSync(replica.path("initialised"));
  expect((await replica.run("node-prove")).stdout).toBe(`${replica.name} restore\n`);
  // Here root ran the node.
  if (process.getuid?.() === 0) execFileSync("chown", ["-R", "redis:redis", replica.path(data)]);
  const before = readdirSync(replica.path(data)).sort();
  const { stdout, stderr } = await restored("current/redis.conf");
  expect([stdout, stderr]).toEqual([expect.stringMatching(/what was there is in \S+\n$/), ""]);
  const [kept] = /\S+(?=\n$)/.exec(stdout)!;
  expect(readdirSync(kept).sort()).toEqual(before);
  expect(readdirSync(replica.path(data)).sort()).toEqual(["appendonlydir", "before-restore"]);
  const base = replica.path(`${data}/appendonlydir/appendonly.aof.1.base.rdb`);
  expect(readFileSync(base)).toEqual(readFileSync(replica.path(`${directory}/${name}/dump.rdb`)));
  execFileSync("redis-check-aof", [`${dirname(base)}/appendonly.aof.manifest`]);
  expect(loaded(replica.path(data))).toBe(500);
  // Once.
  expect((await restored("current/redis.conf")).stdout).toBe("\n");
  expect((await replica.run("node-prove")).stdout).not.toContain("restore");
});

test("a restore without an AOF is an RDB", async () => {
  expect(await restore(name)).toMatchObject({ status: 0 });
  replica.write("/tmp/conf", "appendonly no\n");
  await restored("/tmp/conf");
  expect(readFileSync(replica.path(`${data}/dump.rdb`))).toEqual(
    readFileSync(replica.path(`${directory}/${name}/dump.rdb`)),
  );
});

test("a restore of a file that was changed since is refused before anything is", async () => {
  expect(await restore(name)).toMatchObject({ status: 0 });
  const before = readdirSync(replica.path(data)).sort();
  const file = replica.path(`${directory}/${name}/dump.rdb`);
  chmodSync(file, 0o640);
  appendFileSync(file, "more");
  expect((await restored("current/redis.conf")).stderr).toContain("has another sum than its");
  expect(readdirSync(replica.path(data)).sort()).toEqual(before);
});

test("a restore that was asked for long ago is refused, and may be taken back", async () => {
  utimesSync(replica.path(asked), 1, 1);
  const { status, stderr } = await replica.run("node-prove");
  expect([status, stderr]).toEqual([1, expect.stringMatching(/ h old; expected none, or one of/)]);
  expect(await restore("none")).toMatchObject({ status: 0 });
  expect(existsSync(replica.path(asked))).toBe(false);
});
