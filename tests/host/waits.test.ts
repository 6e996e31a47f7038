import { chmodSync, readFileSync } from "node:fs";
import { startWriter } from "../writer";
import { load, Load } from "../helpers/load";
import { eventually, Host, Hosts, masterName, passwords } from "./support/hosts";
import { groupOfUnits } from "./support/units";

// Steps of a rollout on a group that is large or busy: they wait for as long as something moves.

jest.setTimeout(240000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;
let writer: Load | undefined;

/** Seconds without progress after which a step gives up; each that the tests wait for takes longer. */
const stall = 8;

beforeEach(async () => {
  hosts = await groupOfUnits();
  [consoleHost, app1, app2] = hosts.all;
});

afterEach(async () => {
  await writer?.stop();
  writer = undefined;
  await hosts.destroy();
});

const set = (host: Host, ...words: string[]) => {
  expect(host.ask("node", "CONFIG", "SET", ...words)).toBe("OK\n");
};

const fill = (keys: number, value = "value") =>
  consoleHost.ask(
    "node",
    "EVAL",
    `for i = 1, ${keys} do redis.call("set", "key" .. i, ARGV[1]) end`,
    "0",
    value,
  );

/** So much is written while a node restarts, in half a second too, that it cannot go on where it was. */
function outrun(): void {
  set(consoleHost, "repl-backlog-size", "16384");
  const login = { username: "operator", password: passwords.operator };
  writer = load({ host: consoleHost.address, port: 6389, ...login }, 2e6);
}

/** Stages what makes the node restart: other settings, and the limits. */
function stage(host: Host, settings: string[] = [], seconds = stall): void {
  const files = host.releaseFiles();
  for (const [file, text] of Object.entries({
    ...files,
    "redis.conf": [files["redis.conf"] + "tcp-backlog 500", ...settings, ""].join("\n"),
    members: files.members.replace("sentinel-return 15", `sentinel-return 15\nlimits ${seconds} 5`),
  })) {
    host.write(`staged/${file}`, text);
  }
}

const master = () => {
  for (const host of hosts.all) {
    const [, role] = /^role:(\w+)/m.exec(host.ask("node", "INFO", "replication")) ?? [];
    if (role === "master") return host.name;
  }
  return undefined;
};

const children = (host: Host) => {
  const pid = host.pid("node");
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
};

test("a node that takes long to load and long to sync, behind a save of its master's, is waited for", async () => {
  fill(60000);
  for (const host of hosts.all) set(host, "rdb-key-save-delay", "250");
  await eventually(20, () => app1.ask("node", "DBSIZE") === "60000\n");
  consoleHost.ask("node", "BGSAVE");
  outrun();
  stage(app1, ["key-load-delay 250", "loading-process-events-interval-bytes 1024"]);
  const rolled = await app1.run("node-roll");
  expect(rolled.stderr).toBe("");
  expect(rolled.status).toBe(0);
  expect(rolled.seconds).toBeGreaterThan(3 * stall);
  expect(app1.ask("node", "INFO", "replication")).toContain("master_link_status:up");
});

test("the master's host is passed over without a look at a group that is not whole: the first turn tells of it", async () => {
  // Sentinel leaves a replica of another master alone for as long.
  for (const host of hosts.all) {
    host.ask("sentinel", "SENTINEL", "SET", masterName, "failover-timeout", "600000");
  }
  app1.ask("node", "REPLICAOF", "127.0.0.9", "6389");
  for (const host of hosts.all) stage(host, [], 2);
  const rolled = await consoleHost.run("sentinel-stop", "node-roll");
  expect(rolled).toMatchObject({ status: 0, stderr: "" });
  expect(rolled.stdout).toMatch(/^let be: the master, whose turn is last \[/);
  expect(await consoleHost.run("sentinel-roll")).toMatchObject({ status: 0, stderr: "" });
  const { status, stderr } = await app2.run("sentinel-stop");
  expect(status).toBe(1);
  expect(stderr).toContain("app-1 node: master is 127.0.0.9:6389; expected");
  expect(stderr).toContain("pulumi config set override");
});

test("a sync that stands still ends the step with the limit, the host and what was seen", async () => {
  fill(60000);
  set(consoleHost, "rdb-key-save-delay", "250");
  outrun();
  stage(app1);
  const rolling = app1.run("node-roll");
  const syncs = () => app1.ask("node", "INFO", "replication").includes("sync_in_progress:1");
  const early = rolling.then(({ stdout, stderr }) => {
    throw new Error(`node-roll ended without a full sync: ${stdout}${stderr}`);
  });
  await Promise.race([early, eventually(90, () => children(consoleHost) !== "" && syncs())]);
  const child = Number(children(consoleHost));
  process.kill(child, "SIGSTOP");
  const { status, stderr } = await rolling;
  process.kill(child, "SIGCONT");
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^redis-cluster\[app-1\]: error: the restarted node is not linked to a master\. Nothing moved for 8 s, which is redis-cluster:limits\.stall; last seen: .*console saves: \d+ keys.*\. Look at 'sudo \S+\/redis-cluster gate'/,
  );
});

test("no restart where the disk has no room for what a full sync needs, and nothing is stopped", async () => {
  fill(300, "x".repeat(100_000));
  app1.write("/usr/bin/df", "#!/bin/bash\necho Avail; echo 40\n");
  chmodSync(app1.path("/usr/bin/df"), 0o755);
  stage(app1);
  for (const verb of ["sentinel-stop", "node-roll"]) {
    const { status, stderr } = await app1.run(verb);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /app-1\]: error: \S*\/var\/lib\/redis-cluster has 40 MiB free; expected at least \d\d, for the data that this node gets /,
    );
  }
  expect(app1.read("/told")).not.toContain("stop redis-cluster.service");
  expect(app1.read("/told")).not.toContain("stop redis-sentinel.service");
  app1.write("/usr/bin/df", "#!/bin/bash\necho Avail; echo 90\n");
  expect(await app1.run("node-roll")).toMatchObject({ status: 0, stderr: "" });
});

test("under 10 MB/s and with saves and rewrites all the time: restarts and the handover, 0 lost", async () => {
  for (const host of hosts.all) {
    set(
      host,
      "save",
      "1 1",
      "auto-aof-rewrite-percentage",
      "1",
      "auto-aof-rewrite-min-size",
      "1mb",
    );
  }
  const application = await startWriter({
    sentinels: hosts.all.map(({ address }) => ({ host: address, port: 26389 })),
    masterName,
    username: "operator",
    password: passwords.operator,
  });
  writer = load(
    { host: consoleHost.address, port: 6389, username: "operator", password: passwords.operator },
    10e6,
  );
  for (const host of [app1, app2]) {
    stage(host, [], 60);
    expect(await host.run("node-roll")).toMatchObject({ status: 0, stderr: "" });
  }
  stage(consoleHost, [], 60);
  const before = writer.bytes();
  const rolled = await consoleHost.run("node-roll-master");
  expect(writer.bytes()).toBeGreaterThan(before);
  expect(rolled.stderr).toMatch(/^redis-cluster\[console\]: handed over to [\d.]+:6389\n$/);
  expect(rolled.status).toBe(0);
  expect(master()).not.toBe("console");
  expect((await application.stop()).lost).toBe(0);
});
