import { appendFileSync, copyFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
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
const reached = () => existsSync(join(hosts.directory, "reached"));
const go = () => writeFileSync(join(hosts.directory, "go"), "");

/** What ExecStop does before the stop, and how a handover ends that went well. */
const leave = (host: Host): Promise<Outcome> => host.run("leave");
const handedOver = (from: Host) => ({
  status: 0,
  stderr: expect.stringMatching(
    new RegExp(`^redis-cluster\\[${from.name}\\]: handed over to [\\d.]+:6389\\n$`),
  ) as string,
});

test("ten in a row: 0 lost, everybody knows at once", async () => {
  await group();
  const writer = await application();
  const ids = witnesses().map((host) => says(host, "MYID"));
  for (let turn = 0; turn < 10; turn++) {
    const [from] = masters();
    expect(await leave(from)).toMatchObject(handedOver(from));
    const [to, ...more] = masters();
    expect(more).toEqual([]);
    expect(to).not.toBe(from);
    expect(witnesses().map(named)).toEqual(witnesses().map(() => to.address));
    await whole(5);
  }
  expect(witnesses().map((host) => says(host, "MYID"))).toEqual(ids);
  const { lost, acknowledged, longestGap } = await writer.stop();
  console.log(`longest gap ${longestGap.toFixed(3)} s in 10 handovers`);
  expect(lost).toBe(0);
  expect(acknowledged).toBeGreaterThan(1000);
  expect(longestGap).toBeLessThan(0.5);
});
