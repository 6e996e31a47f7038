import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { Writer } from "../writer";
import { field, Group, replication, says } from "./support/group";
import { eventually, Host, masterName, pause } from "./support/hosts";

// A node that is stopped on purpose saves how far its replication is, and goes on from there: no full resync, and
// whenever it is killed, its AOF is never taken for more than it is.

jest.setTimeout(300_000);

const data = "/var/lib/redis-cluster";
let group: Group;
let writer: Writer;
let master: Host, replica: Host, other: Host;

beforeAll(async () => {
  group = new Group();
  await group.begin((host) => {
    const files = host.releaseFiles();
    const more = 'save ""\nshutdown-on-sigterm nosave\nrepl-backlog-size 64mb\n';
    return { ...files, "redis.conf": `${files["redis.conf"]}${more}` };
  });
  for (const host of group.all) host.write("initialised", "");
  await roles();
  writer = await group.application();
  // So many that a save can be met.
  master.ask("node", "EVAL", 'for i = 1, 2000 do redis.call("set", "key" .. i, i) end', "0");
});

afterAll(() => group.destroy());

async function roles(): Promise<void> {
  await group.whole(60);
  [master] = group.masters();
  [replica, other] = group.all.filter((host) => host !== master);
}

const info = (host: Host, section: string, name: string) =>
  field(host.ask("node", "INFO", section), name);
const full = (host: Host) => Number(info(host, "stats", "sync_full"));
const process = (host: Host) => info(host, "server", "process_id")!;
const withoutAof = (host: Host) => /^appendonly no$/m.test(host.read("redis-cluster.conf"));
const linked = (host: Host) =>
  eventually(30, () => replication(host).includes("master_link_status:up"));
/** It has written a new AOF, and has its own rank again. */
const settled = (host: Host) =>
  eventually(30, () => {
    const rank = host.ask("node", "CONFIG", "GET", "replica-priority");
    const on = info(host, "persistence", "aof_enabled") === "1";
    return on && rank.includes("\n100\n") && !existsSync(host.path(`${data}/resume`));
  });

/** As the unit stops: what leave says. */
async function stop(host: Host): Promise<string> {
  const { stderr } = await host.shell(`MAINPID=${process(host)} ${group.program} leave`);
  await host.stop("node", "SIGTERM");
  return stderr;
}

test("a replica goes on where it was, and has a new AOF soon", async () => {
  const before = full(master);
  expect(await stop(replica)).toBe("");
  await pause(500);
  await replica.composeAndStart("node");
  await linked(replica);
  await settled(replica);
  expect(full(master)).toBe(before);
  // What it loads now is its AOF.
  await replica.stop("node");
  await replica.composeAndStart("node");
  expect(withoutAof(replica)).toBe(false);
  await roles();
});

test("so does a master that hands over first", async () => {
  const counts = new Map(group.all.map((host) => [host, full(host)]));
  const old = master;
  const said = await stop(old);
  const next = group.successor({ stderr: said, status: 0, stdout: "", seconds: 0 });
  await old.composeAndStart("node");
  await linked(old);
  expect(full(next)).toBe(counts.get(next));
  await settled(old);
  await roles();
});

test("killed in its last save it starts from its AOF, which has everything", async () => {
  replica.ask("node", "CONFIG", "SET", "rdb-key-save-delay", "20000");
  const unfinished = `temp-${process(replica)}.rdb`;
  const leaving = replica.shell(`MAINPID=${process(replica)} ${group.program} leave`);
  await eventually(20, () => readdirSync(replica.path(data)).includes(unfinished));
  await replica.stop("node");
  await leaving;
  await replica.composeAndStart("node");
  expect(withoutAof(replica)).toBe(false);
  await roles();
});

test("killed before it has an AOF again it goes on from its RDB, and no handover picks it meanwhile", async () => {
  const before = full(master);
  await stop(replica);
  // What goes on beside a node ends with this, and so nobody has it write its AOF.
  const beside = replica.path("/run/redis-cluster/node");
  rmSync(beside, { recursive: true });
  await pause(1500);
  mkdirSync(beside);
  expect(await replica.compose("node")).toMatchObject({ status: 0 });
  await replica.start("node");
  await linked(replica);
  other.ask("node", "CONFIG", "SET", "replica-priority", "0");
  const { status, stderr } = await master.python(
    [
      "from redis_cluster.decide.handover import heirs, linked, written",
      "from redis_cluster.handover import Handover",
      "from redis_cluster.observe import group_of",
      `moving = Handover(group_of("${master.path("current/members")}", "${master.path("current/secrets")}"))`,
      "nodes = moving.ask_replicas(linked(moving.master, moving.info, moving.members))",
      'say(" ".join(each.name for each in heirs(nodes, moving.master) if each in written(nodes)) or "nobody", "x")',
    ].join("\n"),
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "redis-cluster[x]: nobody\n" });
  other.ask("node", "CONFIG", "SET", "replica-priority", "100");
  await replica.stop("node");
  await replica.composeAndStart("node");
  expect(withoutAof(replica)).toBe(true);
  await linked(replica);
  await settled(replica);
  expect(full(master)).toBe(before);
  await roles();
});

describe("while it writes its AOF", () => {
  const slow = (host: Host, microseconds: number) =>
    host.write(
      "releases/one/redis.conf",
      `${host.read("releases/one/redis.conf")}rdb-key-save-delay ${microseconds}\n`,
    );
  const writing = (host: Host) =>
    eventually(30, () => info(host, "persistence", "aof_rewrite_in_progress") === "1");

  test("it is killed: it goes on from its RDB again", async () => {
    const before = full(master);
    await stop(replica);
    slow(replica, 60_000);
    await replica.composeAndStart("node");
    await linked(replica);
    await writing(replica);
    await pause(500);
    await replica.stop("node");
    await replica.composeAndStart("node");
    await linked(replica);
    await writing(replica);
    expect(full(master)).toBe(before);
    expect((await writer.stop()).lost).toBe(0);
  });

  /** Deletes what would expire within a minute, and says how much that was. */
  const expiring = `local count = 0
for _, key in ipairs(redis.call("keys", "*")) do
  local left = redis.call("ttl", key)
  if left >= 0 and left < 60 then count = count + redis.call("del", key) end
end
return count`;

  test("it is made the master, and killed: the sentinels fail over first, and nothing is lost", async () => {
    other.ask("node", "CONFIG", "SET", "replica-priority", "0");
    const known = () => other.ask("sentinel", "SENTINEL", "replicas", masterName);
    await eventually(30, () => known().includes("slave-priority\n0\n"));
    // A ping of the old master's, what a sentinel publishes there, or a key that expires, would put the others ahead of
    // the new one during the failover: a full sync, for which they wait until it has written its AOF.
    await eventually(30, () => master.ask("node", "EVAL", expiring, "0") === "0\n");
    for (const host of [master, other])
      for (const words of [
        ["CONFIG", "SET", "repl-ping-replica-period", "3600"],
        ["ACL", "SETUSER", "sentinel", "-publish"],
      ])
        expect(host.ask("node", ...words)).toBe("OK\n");
    // Once more where a sentinel has given one up, as it does for a replica that answers late.
    await eventually(60, () => {
      if (info(replica, "replication", "role") === "master") return true;
      says(other, "FAILOVER", masterName);
      return false;
    });
    // It has the old master follow at its second look, or a later one; and looks every ten seconds.
    await eventually(90, () => info(replica, "replication", "connected_slaves") === "2");
    other.ask("node", "CONFIG", "SET", "replica-priority", "100");
    replica.ask("node", "EVAL", 'for i = 1, 500 do redis.call("set", "late" .. i, i) end', "0");
    const keys = replica.ask("node", "DBSIZE");
    await eventually(30, () =>
      [master, other].every((host) => host.ask("node", "DBSIZE") === keys),
    );
    await replica.stop("node");
    const { stderr } = await replica.composeAndStart("node", 30);
    expect(stderr).toContain("my files are older than what I held");
    await eventually(60, () => group.all.every((host) => host.ask("node", "DBSIZE") === keys));
  });
});
