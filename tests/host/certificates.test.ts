import { existsSync, readlinkSync, rmSync } from "node:fs";
import { authority } from "../helpers/certificates";
import { eventually, Host, Hosts, masterName, Outcome } from "./support/hosts";

// Certificates that end: what a host says before, and how a group by TLS alone takes new ones when no daemon lets
// anybody in any more. The steps run with a systemd that is a script, which notes what it was told.

jest.setTimeout(240000);

const day = 24 * 60 * 60;
const own = authority("own");
const release = "0000000000000001";
let hosts: Hosts;

/** A host's files of a release by TLS alone, with a certificate that is good for so many seconds. */
function files(host: Host, seconds: number, issuer = own): Record<string, string> {
  const plain = host.releaseFiles();
  const byTls = (text: string) =>
    text.replace(
      /^port (.*)$/m,
      (_, port) => `port 0\ntls-port ${+port + 1}\ntls-replication yes\ntls-auth-clients yes`,
    );
  const { certificate, key } = issuer.issue(host.name, host.address, undefined, seconds);
  return {
    ...plain,
    "redis.conf": byTls(plain["redis.conf"]),
    "sentinel.conf": byTls(plain["sentinel.conf"]),
    members: `plain-ports 6389 26389\n${plain.members.replace(/ 6389$/gm, " 6390").replace(/ 26389$/gm, " 26390")}`,
    "redis-cluster.service": "[Service]\n",
    "redis-sentinel.service": "[Service]\n",
    "tls.ca": issuer.certificate,
    "tls.crt": certificate,
    "tls.key": key,
  };
}

function write(host: Host, directory: string, texts: Record<string, string>): void {
  for (const [file, text] of Object.entries(texts)) host.write(`${directory}/${file}`, text);
}

/** What asks this host's daemons from now on, as a client whose certificate is good. */
function asks(host: Host, issuer = own, ...more: string[]): void {
  const { certificate, key } = issuer.issue("client", "127.0.0.1");
  write(host, "/client", { ca: issuer.certificate, crt: certificate, key });
  const path = (file: string) => host.path(`/client/${file}`);
  host.tls = [
    "--tls",
    "--cacert",
    path("ca"),
    "--cert",
    path("crt"),
    "--key",
    path("key"),
    ...more,
  ];
}

const told = (host: Host) => (existsSync(host.path("/told")) ? host.read("/told") : "");

function standInSystemd(host: Host): void {
  host.write("/etc/systemd/system/redis-cluster.service", "[Service]\n");
  for (const program of ["systemctl", "systemd-run"]) {
    host.program(
      program,
      `echo ${program} "$@" >> ${host.path("/told")}
      case $1 in
        is-active) if grep -qs "$2" ${host.path("/down")}; then echo inactive; else echo active; fi ;;
        start) rm -f ${host.path("/down")} ;;
        stop) echo "$2" >> ${host.path("/down")} ;;
        show) echo "$PPID" "$PPID" ;;
      esac`,
    );
  }
}

const say = (host: Host, ...command: string[]) => host.ask("sentinel", "sentinel", ...command);
const replication = (host: Host) => host.ask("node", "info", "replication");
const whole = () =>
  hosts.all.every((host) => say(host, "ckquorum", masterName).includes("OK 3")) &&
  replication(hosts.all[0]).includes("connected_slaves:2");

/** A group that is whole; then every certificate has ended. */
async function endedGroup(): Promise<void> {
  hosts = new Hosts();
  for (const host of hosts.all) {
    host.release(release, "current", files(host, day));
    asks(host);
    standInSystemd(host);
  }
  hosts.all[0].write("bootstrap", "console\n");
  for (const host of hosts.all) await host.composeAndStart("node");
  for (const host of hosts.all) await host.composeAndStart("sentinel");
  await eventually(40, whole);
  for (const host of hosts.all) {
    const { "tls.crt": crt, "tls.key": key } = files(host, -60);
    const path = `releases/${release}`;
    write(host, path, { "tls.crt": crt, "tls.key": key });
    const set = ["tls-cert-file", host.path(`${path}/tls.crt`)];
    set.push("tls-key-file", host.path(`${path}/tls.key`));
    expect(host.ask("node", "config", "set", ...set)).toContain("OK");
    // Started with what it knows: with a certificate that has ended it reaches nobody.
    await host.stop("sentinel");
    asks(host, own, "--insecure");
    await host.start("sentinel");
  }
  hosts.all[0].ask("node", "set", "written", "before");
}

/** A step of a group that was whole once. */
function stepOn(host: Host, verb: string): Promise<Outcome> {
  host.write("initialised", "");
  return host.tell(verb, [`# plan ${"0".repeat(16)}`]);
}

async function step(verb: string): Promise<void> {
  for (const outcome of await Promise.all(hosts.all.map((host) => stepOn(host, verb)))) {
    expect(outcome.status === 0 ? "" : outcome.stderr).toBe("");
  }
}

afterEach(() => hosts.destroy());

test("all have ended: nodes take new ones as they run, then sentinels start anew, and the group is whole", async () => {
  await endedGroup();
  const [first] = hosts.all;
  const ids = hosts.all.map((host) => say(host, "myid"));
  expect((await first.run("gate")).stderr).toMatch(
    /console: its certificate or its authority ends 20/,
  );
  for (const host of hosts.all) {
    // A change of another kind that waits for its turn.
    const staged = files(host, 40 * day);
    write(host, "staged", {
      ...staged,
      "redis.conf": staged["redis.conf"].replace("noeviction", "allkeys-lru"),
    });
  }
  await step("node-start");
  // Strictly from now on: the nodes' certificates have to be good.
  for (const host of hosts.all) {
    asks(host);
    expect(told(host)).not.toMatch(/systemctl (re)?st(art|op) .*redis-(cluster|sentinel)\.service/);
    expect(host.ask("node", "config", "get", "maxmemory-policy")).toContain("noeviction");
    expect(host.read("current/redis.conf")).toContain("noeviction");
  }
  expect(replication(first)).toContain("connected_slaves:2");
  await step("sentinel-start");
  for (const host of hosts.all) {
    expect(told(host)).toMatch(/systemctl stop redis-sentinel.service\n[^]*start .*redis-sentinel/);
    expect(told(host)).not.toMatch(/systemctl (re)?st(art|op) .*redis-cluster\.service/);
    await host.stop("sentinel", "SIGTERM");
  }
  await Promise.all(hosts.all.map((host) => host.composeAndStart("sentinel")));
  await eventually(60, whole);
  expect(hosts.all.map((host) => say(host, "myid"))).toEqual(ids);
  expect(first.ask("node", "get", "written")).toBe("before\n");
  // Done once: nothing is owed for the certificates any more.
  const before = hosts.all.map((host) => readlinkSync(host.path("current")));
  for (const host of hosts.all) rmSync(host.path("/told"));
  await step("node-start");
  await step("sentinel-start");
  expect(hosts.all.map((host) => readlinkSync(host.path("current")))).toEqual(before);
  for (const host of hosts.all) expect(told(host)).not.toContain("stop redis-sentinel.service");
});

test("a node that is down does not wait for sentinels that have not got theirs yet", async () => {
  await endedGroup();
  for (const host of hosts.all) {
    write(host, "staged", files(host, 40 * day));
    host.write("/down", "redis-cluster.service\n");
    await host.stop("node");
  }
  await step("node-start");
  for (const host of hosts.all) {
    expect(told(host)).toContain("systemctl start --no-block redis-cluster.service");
    await host.stop("sentinel");
  }
  await Promise.all(hosts.all.map((host) => host.composeAndStart("sentinel")));
  for (const host of hosts.all) asks(host);
  await Promise.all(hosts.all.map((host) => host.composeAndStart("node", 20)));
  await eventually(60, whole);
  expect(hosts.all[0].ask("node", "get", "written")).toBe("before\n");
});

/** One host with a node and no sentinel, whose certificate has ended. */
async function endedNode(): Promise<Host> {
  hosts = new Hosts(["console"], []);
  const [host] = hosts.all;
  host.release(release, "current", files(host, -60));
  asks(host, own, "--insecure");
  standInSystemd(host);
  host.write("bootstrap", "console\n");
  await host.composeAndStart("node");
  return host;
}

test("the authority is to be another: its daemons let nobody in, so the node starts anew", async () => {
  const next = authority("next");
  const host = await endedNode();
  const staged = files(host, 40 * day, next);
  write(host, "staged", { ...staged, "tls.ca": own.certificate + next.certificate });
  expect(await stepOn(host, "node-start")).toMatchObject({ status: 0 });
  expect(told(host)).toMatch(
    /systemctl stop redis-cluster.service\n[^]*start --no-block redis-cluster.service/,
  );
  await host.stop("node", "SIGTERM");
  await host.compose("node");
  asks(host, next);
  await host.start("node");
});

test("what is staged has ended too: refused, and nothing is changed", async () => {
  const host = await endedNode();
  write(host, "staged", files(host, -30));
  const outcome = await stepOn(host, "node-start");
  expect(outcome.status).not.toBe(0);
  expect(outcome.stderr).toMatch(/its certificate or its authority ends 20[^]*Nothing was changed/);
  expect(readlinkSync(host.path("current"))).toBe(`releases/${release}`);
  expect(told(host)).not.toMatch(/systemctl (re)?st(art|op)/);
});

test.each([
  ["a certificate ends in 20 days", own, 20 * day, true],
  ["its authority does", authority("short", 20 * day), 40 * day, true],
  ["both are good for longer", own, 39 * day, false],
] as const)("the gate names a host when %s", async (_, issuer, seconds, named) => {
  hosts = new Hosts(["console"]);
  const [host] = hosts.all;
  host.release(release, "current", files(host, seconds, issuer));
  const { stderr } = await host.run("gate");
  expect(stderr).toContain("console node");
  if (named) {
    const until = new Date(Date.now() + 20 * day * 1000).toISOString().slice(0, 10);
    expect(stderr).toContain(`console: its certificate or its authority ends ${until}`);
  } else {
    expect(stderr).not.toContain("certificate");
  }
});
