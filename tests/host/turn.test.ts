import { existsSync } from "node:fs";
import { eventually, Host, Hosts, passwords } from "./support/hosts";
import { groupOfUnits, whole } from "./support/units";

// Several hosts take the same step at once: whoever owes a restart waits for its turn, whoever owes none for nobody.

jest.setTimeout(180000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;

beforeEach(async () => {
  hosts = await groupOfUnits();
  [consoleHost, app1, app2] = hosts.all;
});

afterEach(() => hosts.destroy());

/** Stages what makes the node restart. */
function stage(host: Host): void {
  const files = host.releaseFiles();
  const conf = `${files["redis.conf"]}tcp-backlog 500\n`;
  for (const [file, text] of Object.entries({ ...files, "redis.conf": conf }))
    host.write(`staged/${file}`, text);
}

const alive = (host: Host) => {
  try {
    return existsSync(`/proc/${host.pid("node")}`);
  } catch {
    return false;
  }
};

/** The fewest nodes that ran at the same time meanwhile. */
async function fewestDuring<T>(work: Promise<T>): Promise<[T, number]> {
  let fewest = 3;
  const watch = setInterval(() => {
    fewest = Math.min(fewest, hosts.all.filter(alive).length);
  }, 5);
  const done = await work;
  clearInterval(watch);
  return [done, fewest];
}

test("two replicas that owe a restart take turns", async () => {
  const before = [app1, app2].map((host) => host.pid("node"));
  for (const host of [app1, app2]) stage(host);
  const rolls = [app1, app2].map((host) => host.run("node-roll"));
  const [rolled, fewest] = await fewestDuring(Promise.all(rolls));
  for (const each of rolled) {
    expect(each).toMatchObject({ status: 0, stderr: "" });
    expect(each.stdout).toMatch(/^restarted as replica of /);
  }
  expect(fewest).toBe(2);
  [app1, app2].forEach((host, i) => expect(host.pid("node")).not.toBe(before[i]));
});

test("replicas that owe one after failovers in a rollout, and the master, take turns too", async () => {
  for (const host of hosts.all) stage(host);
  const rolls = hosts.all.map((host) => host.run("node-roll-master"));
  const [rolled, fewest] = await fewestDuring(Promise.all(rolls));
  expect(rolled.map(({ status }) => status)).toEqual([0, 0, 0]);
  const [byConsole, byApp1, byApp2] = rolled.map(({ stdout }) => stdout);
  expect(byConsole).toMatch(/^handed over to \S+; restarted as replica of /);
  for (const said of [byApp1, byApp2])
    expect(said).toMatch(/^(handed over to \S+; )?restarted as replica of /);
  expect(fewest).toBe(2);
  await whole(app1);
});

test("whoever owes nothing waits for nobody, and one that stands still is told of", async () => {
  stage(app2);
  expect(await app2.run("node-roll")).toMatchObject({ status: 0, stderr: "" });
  const held = consoleHost.connect("node", "operator", passwords.operator);
  await held.ask("CLIENT SETNAME redis-cluster-turn");
  void held.ask("SUBSCRIBE redis-cluster-turn");
  await eventually(5, () => /name=redis-cluster-turn .*sub=1/.test(list()));
  const { seconds, ...rest } = await app2.run("node-roll-master");
  expect(rest).toMatchObject({ status: 0, stderr: "" });
  expect(rest.stdout).toMatch(/^nothing owed /);
  expect(seconds).toBeLessThan(3);
  stage(app1);
  app1.write(
    "staged/members",
    app1.read("staged/members").replace("sentinel-return 15", "sentinel-return 15\nlimits 4 5"),
  );
  const { status, stderr } = await app1.run("node-roll");
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /this host waits for its turn to restart, which 127\.\S+ by its connection \d+ has; .*limits\.stall/,
  );
  expect(app1.read("/told")).not.toContain("stop redis-cluster.service");
  held.end();
  expect(await app1.run("node-roll")).toMatchObject({ status: 0, stderr: "" });
});

const list = () => consoleHost.ask("node", "CLIENT", "LIST", "TYPE", "pubsub");
