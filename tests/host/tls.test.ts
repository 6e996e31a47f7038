import { rmSync, symlinkSync } from "node:fs";
import { authority } from "../helpers/certificates";
import { validated } from "./support/deployed";
import { eventually, Host, Hosts, masterName, pause } from "./support/hosts";
import { askByTls, tlsRelease } from "./support/tls";

// A group that has both kinds of ports open goes to TLS alone: what the steps of a host do to it, and what a
// failover in the middle does.

jest.setTimeout(120000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;
const own = authority("of the test");
const stranger = authority("stranger");

const files = (host: Host, mode: "both" | "required", issuer = own) =>
  tlsRelease(host, mode, issuer);

const say = (host: Host, ...command: string[]) => host.ask("sentinel", "sentinel", ...command);
const field = (text: string, name: string) => new RegExp(`^${name}\n(.*)$`, "m").exec(text)?.[1];
const link = (host: Host) => host.ask("node", "info", "replication");

/** What a host's step does before it starts its sentinel anew. */
const everyReplicaFollowsByTls = (host: Host) =>
  host.python("from redis_cluster.tls_change import follow_by_tls; follow_by_tls()");

async function sentinelByTls(host: Host): Promise<void> {
  await host.stop("sentinel", "SIGTERM");
  rmSync(host.path("current"));
  symlinkSync("releases/tls", host.path("current"));
  expect(await host.compose("sentinel")).toMatchObject({ status: 0 });
  askByTls(host, "releases/tls");
  await host.start("sentinel");
}

/** What every sentinel must say once the group is whole again, with that master. */
function expectWhole(master: Host): void {
  for (const host of hosts.all) {
    const said = say(host, "master", masterName);
    expect({
      place: `${field(said, "ip")}:${field(said, "port")}`,
      flags: field(said, "flags"),
      replicas: field(said, "num-slaves"),
      sentinels: field(said, "num-other-sentinels"),
    }).toEqual({ place: `${master.address}:6390`, flags: "master", replicas: "2", sentinels: "2" });
    expect(say(host, "ckquorum", masterName)).toContain("OK 3");
  }
}

beforeEach(async () => {
  hosts = new Hosts();
  [consoleHost, app1, app2] = hosts.all;
  for (const host of hosts.all) {
    host.release("both", "current", files(host, "both"));
    host.release("tls", "staged", files(host, "required"));
  }
  consoleHost.write("bootstrap", "console\n");
  for (const host of hosts.all) await host.composeAndStart("node");
  await eventually(20, () =>
    consoleHost.ask("node", "info", "replication").includes("connected_slaves:2"),
  );
  for (const host of hosts.all) await host.composeAndStart("sentinel");
  await eventually(20, () =>
    hosts.all.every((host) =>
      host.ask("sentinel", "sentinel", "ckquorum", masterName).includes("OK 3"),
    ),
  );
});

afterEach(() => hosts.destroy());

test("every replica follows by TLS without a new copy; then the sentinels keep master, id and epoch", async () => {
  const ids = hosts.all.map((host) => say(host, "myid"));
  const copies = consoleHost.ask("node", "info", "stats");
  expect((await everyReplicaFollowsByTls(app2)).status).toBe(0);
  expect(link(app1)).toMatch(/master_port:6390[^]*master_link_status:up/);
  const count = (text: string, name: string) => new RegExp(`^${name}:(.*)$`, "m").exec(text)?.[1];
  const stats = consoleHost.ask("node", "info", "stats");
  expect(count(stats, "sync_full")).toBe(count(copies, "sync_full"));
  expect(Number(count(stats, "sync_partial_ok"))).toBe(2);
  await Promise.all(hosts.all.map(sentinelByTls));
  await eventually(30, () =>
    hosts.all.every((host) => say(host, "ckquorum", masterName).includes("OK 3")),
  );
  expect(hosts.all.map((host) => say(host, "myid"))).toEqual(ids);
  // Long enough for a plain address that a sentinel might have picked up on the way to be in its list.
  await pause(12_000);
  expectWhole(consoleHost);
});

test("a failover by the plain sentinels in the middle of it: the next step brings it to its end", async () => {
  await everyReplicaFollowsByTls(app1);
  await consoleHost.stop("node");
  const master = () => [app1, app2].find((host) => link(host).includes("role:master"));
  await eventually(30, () => master() !== undefined);
  const [leader] = [master()!];
  const other = leader === app1 ? app2 : app1;
  // The plain sentinels send it to the plain port, where it cannot be understood.
  await eventually(30, () => link(other).includes("master_port:6389"));
  expect(link(other)).toContain("master_link_status:down");
  // The old master comes back with what its host was told last.
  await consoleHost.composeAndStart("node", 20);
  expect((await everyReplicaFollowsByTls(other)).status).toBe(0);
  await Promise.all(hosts.all.map(sentinelByTls));
  await eventually(40, () =>
    hosts.all.every((host) => say(host, "ckquorum", masterName).includes("OK 3")),
  );
  expectWhole(leader);
});

test("the host asks by TLS what requires it, and takes another authority's daemon for unreachable", async () => {
  await everyReplicaFollowsByTls(app1);
  await Promise.all(hosts.all.map(sentinelByTls));
  expect((await app1.compose("node")).stderr).toContain("of the sentinels names it");
  expect(app1.role()).toBe(`${consoleHost.address} 6390`);
  for (const [file, text] of Object.entries(files(app1, "required", stranger)))
    app1.write(`current/${file}`, text);
  app1.write("redis-cluster.conf", "");
  expect((await app1.compose("node")).stderr).toMatch(/undecided[^]*sentinel app-2: silent/);
});

test("the dry run reads the certificate: one that is not the key's is refused", async () => {
  const { "tls.key": foreign } = files(app2, "required");
  app1.write("staged/tls.key", foreign);
  const outcome = await validated(app1);
  expect(outcome.status).not.toBe(0);
  expect(outcome.stderr).toMatch(/redis.conf was refused: [^]*key values mismatch/);
  expect(outcome.stderr).not.toContain("PRIVATE");
});
