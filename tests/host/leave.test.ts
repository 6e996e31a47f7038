import { existsSync, mkdirSync } from "node:fs";
import { connect, Socket } from "node:net";
import { Host, Hosts, passwords } from "./support/hosts";

// The end of a node: what Redis writes last is waited for, and what a killed write has left goes at the next start.

jest.setTimeout(90000);

let hosts: Hosts;
let host: Host;
const data = "/var/lib/redis-cluster";
/** Without progress, in seconds. */
const stall = 2;

beforeEach(async () => {
  hosts = new Hosts();
  [host] = hosts.all;
  const { "redis.conf": conf, members } = host.releaseFiles();
  host.release("one", "current", {
    "redis.conf": conf.replace("appendonly yes", "appendonly no\nsave 3600 1"),
    members: members.replace("sentinel-return 15", `sentinel-return 15\nlimits ${stall} 5`),
  });
  host.write("bootstrap", "console\n");
  await host.composeAndStart("node");
  host.ask(
    "node",
    "EVAL",
    'for i = 1, 30000 do redis.call("set", "key" .. i, "value" .. i) end',
    "0",
  );
});

afterEach(() => hosts.destroy());

const pid = () => Number(/process_id:(\d+)/.exec(host.ask("node", "INFO", "server"))![1]);
const leave = (process: number) => host.shell(`MAINPID=${process} ${hosts.program} leave`);

test("a last save is waited for as long as it gets on, and is whole", async () => {
  // 9 s in all.
  host.ask("node", "CONFIG", "SET", "rdb-key-save-delay", "300");
  const node = pid();
  const { status, stderr, seconds } = await leave(node);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(seconds).toBeGreaterThan(3 * stall);
  expect(existsSync(`/proc/${node}/exe`)).toBe(false);
  await host.composeAndStart("node");
  expect(host.ask("node", "DBSIZE")).toBe("30000\n");
});

/** A client of the application's: connected, logged in, and waiting with a request or for messages. */
async function client(request: string): Promise<Socket> {
  const socket = connect(6389, host.address);
  socket.write(`AUTH operator ${passwords.operator}\r\n${request}\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}

test("clients are sent away before the last save, and nobody comes in; the data are whole", async () => {
  host.ask("node", "CONFIG", "SET", "rdb-key-save-delay", "300");
  const node = pid();
  const clients = [await client("BLPOP nothing 0"), await client("SUBSCRIBE channel")];
  const gone = clients.map(
    (socket) => new Promise((resolve) => socket.once("close", resolve).once("error", resolve)),
  );
  const leaving = leave(node);
  await Promise.all(gone);
  expect(existsSync(`/proc/${node}/exe`)).toBe(true);
  const refused = await new Promise((resolve) =>
    connect(6389, host.address).once("error", resolve).once("connect", resolve),
  );
  expect(refused).toMatchObject({ code: "ECONNREFUSED" });
  expect(existsSync(`/proc/${node}/exe`)).toBe(true);
  expect(await leaving).toMatchObject({ status: 0, stderr: "" });
  await host.composeAndStart("node");
  expect(host.ask("node", "DBSIZE")).toBe("30000\n");
  expect(host.ask("node", "CONFIG", "GET", "bind")).toBe(`bind\n${host.address}\n`);
});

test("a node that cannot save, and so does not end, listens again", async () => {
  const node = pid();
  // In the place of the file that it saves to.
  mkdirSync(host.path(`${data}/temp-${node}.rdb`));
  const { status, stderr } = await leave(node);
  expect([status, stderr]).toEqual([0, expect.stringContaining("the last save before the stop")]);
  expect(pid()).toBe(node);
  expect(host.ask("node", "DBSIZE")).toBe("30000\n");
});

test("one that stands still is given up, with the limit; what it left is gone at the next start, and nothing else", async () => {
  host.ask("node", "SAVE");
  host.ask("node", "CONFIG", "SET", "rdb-key-save-delay", "30000000");
  const node = pid();
  const { status, stderr } = await leave(node);
  expect(status).toBe(0);
  expect(stderr).toMatch(
    /\[console\]: the last save before the stop has not moved for 2 s, redis-cluster:limits\.stall, and is ended\n$/,
  );
  await host.stop("node");
  const left = `${data}/temp-${node}.rdb`;
  expect(existsSync(host.path(left))).toBe(true);
  for (const file of ["temp-rewriteaof-5.aof", "temp-7.8.rdb", "temp-mine.rdb"]) {
    host.write(`${data}/${file}`, "");
  }
  await host.composeAndStart("node");
  expect(host.ask("node", "DBSIZE")).toBe("30000\n");
  for (const file of [left, `${data}/temp-rewriteaof-5.aof`, `${data}/temp-7.8.rdb`]) {
    expect([file, existsSync(host.path(file))]).toEqual([file, false]);
  }
  expect(existsSync(host.path(`${data}/temp-mine.rdb`))).toBe(true);
});

test("a step that takes longer than limits.step is ended, and says which limit, where, and what to do", async () => {
  const directed = "/usr/local/lib/redis-cluster/redis_cluster/__main__.py";
  host.write(directed, "import time\ntime.sleep(9)\n");
  const { status, stderr } = await host.run("within", "1", "node-roll");
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^redis-cluster\[\S+\]: error: node-roll was ended after 1 s, which is redis-cluster:limits\.step; where it only takes longer, raise that\. Look at 'sudo \S+\/redis-cluster gate' and at the load of this host, then run pulumi up again\n$/,
  );
});
