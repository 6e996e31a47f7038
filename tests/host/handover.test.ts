import { appendFileSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startWriter, Writer } from "../writer";
import { eventually, Host, Hosts, masterName, Outcome, passwords, pause } from "./support/hosts";

// The handover on real daemons, under a writer: what becomes of its writes, of the group, and how long nobody writes.

jest.setTimeout(240000);

let hosts: Hosts;
let writers: Writer[] = [];

afterEach(async () => {
  for (const writer of writers) await writer.stop().catch(() => null);
  writers = [];
  await hosts.destroy();
});

/** A group whose sentinels take a master for dead after 1.5 s, and whose handovers may be stopped at a stage. */
async function group(names?: string[], sentinels?: string[]): Promise<void> {
  hosts = new Hosts(names, sentinels);
  const path = (file: string) => join(hosts.directory, "redis_cluster", file);
  copyFileSync(join(__dirname, "support/stages.py"), path("stages.py"));
  appendFileSync(path("handover.py"), "\nfrom . import stages\n");
  for (const host of hosts.all) {
    const { "sentinel.conf": conf } = host.releaseFiles();
    host.release("one", "current", { "sentinel.conf": conf.replace(" 30000", " 1500") });
  }
  hosts.all[0].write("bootstrap", `${hosts.all[0].name}\n`);
  for (const host of hosts.all) await host.composeAndStart("node");
  await eventually(20, () => replicas(hosts.all[0]) === hosts.all.length - 1);
  for (const host of witnesses()) await host.composeAndStart("sentinel");
  await whole();
}

const witnesses = () => hosts.all.filter((host) => host.name !== "app-3");
const field = (text: string, name: string) => new RegExp(`^${name}[:\n](.*?)\r?$`, "m").exec(text)?.[1];
const replication = (host: Host) => host.ask("node", "INFO", "replication");
const replicas = (host: Host) => Number(field(replication(host), "connected_slaves"));
const says = (host: Host, ...words: string[]) => host.ask("sentinel", "SENTINEL", ...words);
const masters = () => hosts.all.filter((host) => field(replication(host), "role") === "master");
const named = (host: Host) => field(says(host, "MASTER", masterName), "ip");

/** Whether all say the same of each other, and the one master has all replicas linked. */
function isWhole(): boolean {
  const [master, ...more] = masters();
  if (!master || more.length > 0 || replicas(master) !== hosts.all.length - 1) return false;
  const linked = hosts.all.every(
    (host) => host === master || field(replication(host), "master_link_status") === "up",
  );
  const told = witnesses().map((host) => says(host, "MASTER", masterName));
  return (
    linked &&
    told.every(
      (text) =>
        field(text, "ip") === master.address &&
        field(text, "flags") === "master" &&
        field(text, "config-epoch") === field(told[0], "config-epoch") &&
        field(text, "num-slaves") === String(hosts.all.length - 1) &&
        field(text, "num-other-sentinels") === String(told.length - 1),
    ) &&
    new Set(witnesses().map((host) => says(host, "MYID"))).size === told.length
  );
}

const whole = (seconds = 30) => eventually(seconds, isWhole);

async function application(bytesPerSecond?: number): Promise<Writer> {
  const writer = await startWriter({
    sentinels: witnesses().map(({ address }) => ({ host: address, port: 26389 })),
    masterName,
    username: "operator",
    password: passwords.operator,
    ...(bytesPerSecond && { bytesPerSecond }),
  });
  writers.push(writer);
  return writer;
}

const stage = (text: string) => {
  for (const file of ["stage", "reached", "go"]) rmSync(join(hosts.directory, file), { force: true });
  if (text) writeFileSync(join(hosts.directory, "stage"), text);
};
const reached = async (): Promise<number> => {
  const file = join(hosts.directory, "reached");
  await eventually(20, () => existsSync(file) && readFileSync(file, "utf8") !== "");
  return Number(readFileSync(file, "utf8"));
};
const go = () => writeFileSync(join(hosts.directory, "go"), "");

/** What ExecStop does before the stop, and how a handover ends that went well. */
const leave = (host: Host): Promise<Outcome> => host.run("leave");
const handedOver = (from: Host) => ({
  status: 0,
  stderr: expect.stringMatching(
    new RegExp(`^redis-cluster\\[${from.name}\\]: handed over to [\\d.]+:6389\\n$`),
  ) as string,
});

/** Who is the master after a handover, of which nobody is asked: that would hold up the writer, in this process. */
const successor = ({ stderr }: Outcome) =>
  hosts.all.find(({ address }) => stderr.includes(`handed over to ${address}:6389\n`)) as Host;

test("ten in a row: 0 lost, everybody knows at once, and the clients after a few ms", async () => {
  await group();
  const writer = await application();
  const ids = witnesses().map((host) => says(host, "MYID"));
  await pause(1000);
  await writer.soFar();
  const before = (await writer.soFar()).seconds;
  let [from] = hosts.all;
  for (let turn = 0; turn < 10; turn++) {
    const outcome = await leave(from);
    expect(outcome).toMatchObject(handedOver(from));
    from = successor(outcome);
    await pause(1000);
  }
  const { gaps } = await writer.soFar();
  const lengths = gaps.filter(({ at }) => at > before).map(({ length }) => length);
  console.log(`gaps of more than 0.1 s: ${lengths.map((length) => length.toFixed(3)).join(", ")}`);
  expect(Math.max(0, ...lengths)).toBeLessThan(0.3);
  expect(witnesses().map(named)).toEqual(witnesses().map(() => from.address));
  await whole(5);
  expect(witnesses().map((host) => says(host, "MYID"))).toEqual(ids);
  const { lost, acknowledged } = await writer.stop();
  expect(lost).toBe(0);
  expect(acknowledged).toBeGreaterThan(1000);
});

/** Of one that died there, for how long nobody writes at most, and after how long that is over; in seconds. */
test.each([
  ["voted", 1, 3],
  ["paused", 6, 7],
  ["promoted", 6, 9],
  ["demoted", 40, 45],
  ["one-told", 3, 5],
  ["told", 1, 3],
])("one that is killed when it has %s loses nothing, and the group mends itself", async (at, longest, over) => {
  await group();
  const writer = await application();
  await pause(500);
  stage(`kill ${at}`);
  const killed = await leave(hosts.all[0]);
  expect(killed.stderr).not.toContain("handed over");
  await pause(over * 1000);
  const { longestGap } = await writer.soFar();
  console.log(`killed when it has ${at}: longest gap ${longestGap.toFixed(2)} s`);
  expect(longestGap).toBeLessThan(longest);
  await whole(60);
  stage("");
  const [from] = masters();
  expect(await leave(from)).toMatchObject(handedOver(from));
  expect((await writer.stop()).lost).toBe(0);
});

test.each(["looked", "voted", "paused", "promoted", "demoted", "one-told", "told"])(
  "a failover of Sentinel's own that begins when it has %s, early or late: 0 lost, one master",
  async (at) => {
    await group();
    const writer = await application();
    for (const late of [0, 300, 1500]) {
      const [from] = masters();
      await pause(500);
      stage(`wait ${at}`);
      const leaving = leave(from);
      await reached();
      const [other] = hosts.all.filter((host) => host !== from);
      const said = says(other, "FAILOVER", masterName);
      await pause(late);
      go();
      const { stderr } = await leaving;
      console.log(`${at}, ${late} ms: ${said.trim()}; ${stderr.trim()}`);
      stage("");
      await whole(60);
    }
    const { lost, longestGap } = await writer.stop();
    console.log(`${at}: longest gap ${longestGap.toFixed(2)} s`);
    expect(lost).toBe(0);
  },
);
