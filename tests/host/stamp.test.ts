import { readdirSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { array, bulk, Liar, liar } from "./support/liar";
import { eventually, Host, Hosts, masterName, pause } from "./support/hosts";

// What this node would load is not always what it held; and of several nodes' files, whose are the newest?

jest.setTimeout(120_000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;

afterEach(() => hosts.destroy());

const replication = (host: Host, name: string) =>
  new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(host.ask("node", "info", "replication"))?.[1];
const priority = (host: Host) =>
  host.ask("node", "config", "get", "replica-priority").split("\n")[1];
const keys = (host: Host) => host.ask("node", "dbsize").trim();
const linked = (host: Host) => replication(host, "master_link_status") === "up";
const composedRank = (host: Host) =>
  Number(/^replica-priority (\d+)$/m.exec(host.read("redis-cluster.conf"))?.[1]);

/** Settings of a host's node, beside or in place of those of the release. */
function settings(host: Host, lines: string): void {
  host.write("releases/one/redis.conf", `${host.read("releases/one/redis.conf")}${lines}\n`);
}

/** A whole group with a hundred keys; console is its master. `lines` are settings of every node. */
async function wholeGroup(lines = ""): Promise<void> {
  hosts = new Hosts();
  [consoleHost, app1, app2] = hosts.all;
  for (const host of hosts.all) settings(host, `enable-debug-command yes\n${lines}`);
  consoleHost.write("bootstrap", "console\n");
  for (const host of hosts.all) await host.composeAndStart("node");
  for (const host of hosts.all) await host.composeAndStart("sentinel");
  for (const host of hosts.all) host.write("initialised", "");
  rmSync(consoleHost.path("bootstrap"));
  write(consoleHost, "old", 100);
  await eventually(30, () =>
    hosts.all.every(
      (host) =>
        keys(host) === "100" &&
        priority(host) === "100" &&
        host.ask("sentinel", "sentinel", "ckquorum", masterName).startsWith("OK 3"),
    ),
  );
}

function write(master: Host, prefix: string, count: number): void {
  const script = `for i = 1, ${count} do redis.call("set", "${prefix}" .. i, "x") end`;
  master.ask("node", "eval", script, "0");
}

/** Every process is killed at once. */
async function losePower(): Promise<void> {
  for (const host of hosts.all) {
    host.signal("sentinel", "SIGKILL");
    host.signal("node", "SIGKILL");
  }
  await Promise.all(hosts.all.flatMap((host) => [host.stop("sentinel"), host.stop("node")]));
}

/** Composes these hosts' nodes while the sentinels of both run. */
async function composeBoth(...both: Host[]): Promise<void> {
  for (const host of both) await host.composeAndStart("sentinel");
  for (const host of both) expect(await host.compose("node")).toMatchObject({ status: 0 });
}

/** What `touch` would do to every file of the node's data but its stamps, so many seconds from now. */
function touchFiles(host: Host, seconds: number): void {
  const directory = host.path("/var/lib/redis-cluster");
  const time = Date.now() / 1000 + seconds;
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!file.startsWith("stamp")) utimesSync(join(directory, file), time, time);
  }
}

/** app-1 is down while a thousand keys are written, and saves its next full sync for a long time. */
async function unsavedReplica(): Promise<void> {
  await app1.stop("node", "SIGTERM");
  write(consoleHost, "new", 1000);
  settings(app1, "rdb-key-save-delay 60000");
  await app1.composeAndStart("node");
  await eventually(30, () => linked(app1) && keys(app1) === "1100");
}

describe("after a full sync, while the AOF is still the one from before it", () => {
  beforeEach(async () => {
    await wholeGroup();
    await unsavedReplica();
  });

  test("it is the last choice of a failover; as a master that dies it hands on: nothing is lost", async () => {
    await eventually(10, () => {
      const rank = Number(priority(app1));
      return rank > 100 && rank < composedRank(app1);
    });
    app2.ask("node", "config", "set", "replica-priority", "0");
    const known = () => consoleHost.ask("sentinel", "sentinel", "replicas", masterName);
    await eventually(20, () => known().includes("slave-priority\n0\n"));
    // A handover would wait until its AOF is written.
    consoleHost.signal("node", "SIGKILL");
    expect(app1.ask("sentinel", "sentinel", "failover", masterName)).toBe("OK\n");
    await eventually(20, () => replication(app1, "role") === "master");
    await eventually(20, () => linked(app2));
    app2.ask("node", "config", "set", "replica-priority", "100");
    write(app1, "late", 500);
    await eventually(10, () => keys(app2) === "1600");
    await app1.stop("node");
    const outcome = await app1.composeAndStart("node", 30);
    expect(outcome.stderr).toContain("my files are older than what I held");
    await consoleHost.stop("node");
    await consoleHost.composeAndStart("node");
    await eventually(20, () => hosts.all.every((host) => keys(host) === "1600"));
  });

  test("it ranks by the time before the sync, whatever the times of its files say", async () => {
    await pause(3000);
    await losePower();
    touchFiles(app1, 600);
    await composeBoth(app1, app2);
    expect(composedRank(app1)).toBeGreaterThan(composedRank(app2));
  });
});

test("a replica that was down before an outage ranks behind, though its clock was ten minutes fast", async () => {
  await wholeGroup();
  await pause(2000);
  await app1.stop("node");
  write(consoleHost, "new", 1000);
  await pause(4000);
  await losePower();
  touchFiles(app1, 600);
  await composeBoth(app1, app2);
  expect(composedRank(app1)).toBeGreaterThan(composedRank(app2));
});

test("a master that was failed over ranks behind the replica that followed the next one, be it for a moment", async () => {
  await wholeGroup();
  await pause(2000);
  await consoleHost.stop("node");
  await eventually(20, () =>
    app1.ask("sentinel", "sentinel", "failover", masterName).startsWith("OK"),
  );
  const promoted = () => [app1, app2].find((host) => replication(host, "connected_slaves") === "1");
  await eventually(30, () => promoted() !== undefined);
  const replica = promoted() === app1 ? app2 : app1;
  write(promoted()!, "new", 1000);
  await losePower();
  await composeBoth(consoleHost, replica);
  expect(composedRank(consoleHost)).toBeGreaterThan(composedRank(replica));
});

test("the stamps of an unlinked replica stand still, and are there after a restart", async () => {
  await wholeGroup();
  await pause(2000);
  const rank = async () => {
    await app1.compose("node");
    return composedRank(app1);
  };
  await Promise.all(
    [consoleHost, app2].flatMap((host) => [host.stop("node"), host.stop("sentinel")]),
  );
  const before = await rank();
  await pause(3000);
  expect(await rank()).toBe(before);
  expect(before).toBeGreaterThan(100);
});

test("without a stamp only the files that would be loaded count", async () => {
  hosts = new Hosts();
  [consoleHost, app1, app2] = hosts.all;
  for (const host of [app1, app2]) {
    host.fill();
    host.lastNodeFile(consoleHost);
  }
  touchFiles(app1, -600);
  app1.write("/var/lib/redis-cluster/appendonlydir/temp-appendonly.aof.incr", "");
  for (const host of [app1, app2]) expect((await host.compose("node")).status).toBe(0);
  expect(composedRank(app1) - composedRank(app2)).toBeGreaterThan(500);
});

describe("a node without an AOF", () => {
  beforeEach(() => wholeGroup("appendonly no\nsave 3600 1"));

  test("its process is killed: the sentinels fail over first, and nothing is lost", async () => {
    consoleHost.ask("node", "save");
    await pause(1500);
    write(consoleHost, "new", 1000);
    await eventually(10, () => keys(app1) === "1100" && keys(app2) === "1100");
    await pause(1500);
    await consoleHost.stop("node");
    const outcome = await consoleHost.composeAndStart("node", 30);
    expect(outcome.stderr).toContain("my files are older than what I held");
    await consoleHost.stop("node");
    // The other sentinels hear of the failover within two seconds or so; until then they disagree.
    await consoleHost.composeAndStart("node", 30);
    await eventually(20, () => hosts.all.every((host) => keys(host) === "1100"));
  });

  test("a proper stop has saved: it is master again in place", async () => {
    write(consoleHost, "new", 1000);
    await pause(2000);
    await consoleHost.stop("node", "SIGTERM");
    expect(await consoleHost.compose("node")).toMatchObject({ status: 0 });
    expect(consoleHost.role()).toBe("master");
  });

  test("after an outage it ranks by its last save, and by its stamp where it was unlinked when it stopped", async () => {
    await pause(2000);
    app1.ask("node", "save");
    app2.ask("node", "save");
    await pause(4000);
    app2.ask("node", "save");
    await losePower();
    await composeBoth(app1, app2);
    expect(composedRank(app1)).toBeGreaterThan(composedRank(app2));
  });
});

test("a rank is taken back however long the node was silent", async () => {
  await wholeGroup();
  await app1.stop("node");
  await app1.composeAndStart("node");
  app1.signal("node", "SIGSTOP");
  await pause(12_000);
  app1.signal("node", "SIGCONT");
  await eventually(30, () => priority(app1) === "100");
});

describe("one failover at a time", () => {
  const liars: Liar[] = [];
  afterEach(() => Promise.all(liars.splice(0).map((each) => each.stop())));

  test("where a sentinel leads one already, no other is asked for one more", async () => {
    hosts = new Hosts();
    [consoleHost, app1, app2] = hosts.all;
    consoleHost.write("initialised", "");
    const forced: string[] = [];
    for (const host of hosts.all) {
      let asked = 0;
      const leads = host === app2;
      const answer = (command: string) => {
        const master = leads && ++asked > 6 ? app1 : consoleHost;
        if (command.startsWith("SENTINEL FAILOVER")) {
          forced.push(host.name);
          return leads ? "-INPROG Failover already in progress\r\n" : "+OK\r\n";
        }
        if (command.startsWith("SENTINEL GET-MASTER-ADDR")) return array(master.address, "6389");
        if (command.startsWith("SENTINEL MASTER")) {
          const flags = leads ? "master,failover_in_progress" : "master";
          return array("flags", flags, "config-epoch", "3");
        }
        return bulk("");
      };
      liars.push(await liar(host.address, answer, 26389));
    }
    app1.lastNodeFile(consoleHost);
    app1.write(
      "redis-cluster.conf",
      `${app1.read("releases/one/redis.conf")}aclfile ${app1.path("current/users.acl")}\nreplicaof ${consoleHost.address} 6389\n`,
    );
    app1.fill();
    await app1.start("node");
    expect(await consoleHost.compose("node")).toMatchObject({ status: 0 });
    expect(consoleHost.role()).toBe(`${app1.address} 6389`);
    expect(forced).toEqual([]);
  });
});
