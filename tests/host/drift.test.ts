import { chmodSync, existsSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { deploy, releaseOfStaged } from "./support/deployed";
import { eventually, Host, Hosts, masterName, Outcome, passwords } from "./support/hosts";

// What `redis-cluster drift` finds on hosts that run, and what the steps put right. The services are processes
// here, so that systemctl is a function which answers as `services` says.

jest.setTimeout(60000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;
const up = { active: "active", enabled: "enabled" };
let services: Record<string, typeof up> = {};

beforeEach(() => {
  services = { "redis-cluster.service": up, "redis-sentinel.service": up };
});

async function start(): Promise<void> {
  hosts = new Hosts();
  [consoleHost, app1, app2] = hosts.all;
  for (const host of hosts.all) deploy(host);
  consoleHost.write("bootstrap", "console\n");
  for (const host of hosts.all) await host.composeAndStart("node");
  for (const host of hosts.all) await host.composeAndStart("sentinel");
  await eventually(20, () =>
    hosts.all.every((host) => masterAsSeenBy(host).includes("num-other-sentinels\n2\n")),
  );
  await eventually(10, () => /slave1:.*state=online/.test(consoleHost.ask("node", "info")));
}

function masterAsSeenBy(host: Host): string {
  return host.ask("sentinel", "sentinel", "master", masterName);
}

/** What stands for systemctl answers as `services` says. */
function pretendServices(host: Host): void {
  const cases = Object.entries(services).map(
    ([unit, { active, enabled }]) =>
      `*is-active*${unit}) echo ${active} ;; *is-enabled*${unit}) echo ${enabled}; [[ ${enabled} == enabled ]] ;;`,
  );
  const searched =
    "*UnitPath*) echo /run/systemd/system.control /etc/systemd/system /usr/local/lib/systemd/system ;;";
  host.program("systemctl", `case "$*" in ${searched} ${cases.join(" ")} esac`);
}

/** The lines that `redis-cluster drift` prints. */
async function drift(host: Host): Promise<string[]> {
  pretendServices(host);
  const outcome = await host.run("drift");
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
  const lines = outcome.stdout.split("\n").slice(0, -1);
  for (const password of Object.values(passwords)) expect(lines.join()).not.toContain(password);
  return lines;
}

function repairing(host: Host, daemon: "node" | "sentinel"): Promise<Outcome> {
  pretendServices(host);
  return host.python(`from redis_cluster.repair import repair_node, repair_sentinel
from redis_cluster.release import staged_daemons
from redis_cluster.strangers import Mending
print(${daemon === "node" ? "repair_node()" : "repair_sentinel(False)"}, file=sys.stderr, end="")
if "${daemon}" == "sentinel":
    mended = Mending(staged_daemons(), "${host.path("staged")}", False).mend()
    print(*mended, file=sys.stderr, end="")`);
}

/** Runs the steps' repair of what runs; returns what they would say that they did. */
async function repair(host: Host, daemon: "node" | "sentinel"): Promise<string> {
  const outcome = await repairing(host, daemon);
  expect(outcome).toMatchObject({ status: 0 });
  return outcome.stderr;
}

const wholeDrift = async () => (await Promise.all(hosts.all.map(drift))).flat();

describe("what Sentinel owns is never drift", () => {
  beforeAll(start);
  afterAll(() => hosts.destroy());

  test("on hosts as they were deployed; nothing is left behind", async () => {
    expect(await wholeDrift()).toEqual([]);
    expect(readdirSync(app1.path("/tmp"))).toEqual([]);
  });

  test("after a failover", async () => {
    app2.ask("sentinel", "sentinel", "failover", masterName);
    const promoted = () =>
      hosts.all.filter((host) => host.ask("node", "info", "replication").includes("role:master"));
    await eventually(30, () => promoted().length === 1 && promoted()[0] !== consoleHost);
    expect(await wholeDrift()).toEqual([]);
    expect((await Promise.all(hosts.all.map((host) => repair(host, "sentinel")))).join("")).toBe(
      "",
    );
  });

  test("while a replica ranks by the age of its data", async () => {
    const isMaster = (host: Host) =>
      host.ask("node", "info", "replication").includes("role:master");
    const master = hosts.all.find(isMaster)!;
    const replica = hosts.all.find((host) => host !== master)!;
    await master.stop("node");
    await replica.stop("node");
    replica.fill();
    await replica.composeAndStart("node");
    expect(replica.ask("node", "config", "get", "replica-priority")).not.toContain("\n100\n");
    expect(await drift(replica)).toEqual([]);
  });
});

describe("the running node", () => {
  beforeAll(start);
  afterAll(() => hosts.destroy());

  test("a CONFIG SET value: named with host, wanted and seen, taken back without a restart", async () => {
    app1.ask("node", "config", "set", "maxmemory", "100mb", "save", "60 1", "hz", "33");
    app1.ask("node", "config", "set", "masterauth", "typed-by-hand", "replica-priority", "7");
    expect((await drift(app1)).sort()).toEqual([
      "app-1 redis.hz: wanted 10, seen 33",
      "app-1 redis.masterauth: wanted the deployed password, seen another",
      "app-1 redis.maxmemory: wanted 0, seen 104857600",
      "app-1 redis.replica-priority: wanted 100, seen 7",
      "app-1 redis.save: wanted 3600 1 300 100 60 10000, seen 60 1",
    ]);
    const process = /process_id:\d+/.exec(app1.ask("node", "info"))?.[0];
    expect(await repair(app1, "node")).toContain("redis.maxmemory");
    expect(await drift(app1)).toEqual([]);
    expect(/process_id:\d+/.exec(app1.ask("node", "info"))?.[0]).toBe(process);
    expect(await repair(app1, "node")).toBe("");
  });

  test("an ACL rule, without any hash", async () => {
    app1.ask("node", "acl", "setuser", "sentinel", "-config|rewrite", ">another-password");
    app1.ask("node", "acl", "setuser", "intruder", "on", ">some-password", "+@all");
    const lines = await drift(app1);
    expect(lines).toEqual([
      expect.stringMatching(
        /^app-1 redis\.acl\.intruder: wanted "", seen on .*\(a password\).*\+@all$/,
      ),
      expect.stringMatching(
        /^app-1 redis\.acl\.sentinel: wanted .*seen .*\(a password\).*-config\|rewrite$/,
      ),
    ]);
    expect(lines.join()).not.toMatch(/[0-9a-f]{64}/);
    await repair(app1, "node");
    expect(await drift(app1)).toEqual([]);
  });

  test("what CONFIG SET cannot take back owes a restart", async () => {
    const release = app1.path("/run/redis-cluster/node/release");
    chmodSync(dirname(release), 0o777);
    await app1.stop("node");
    app1.write("redis-cluster.conf", app1.read("redis-cluster.conf") + "\ntcp-backlog 77\n");
    await app1.start("node");
    await app1.run("restore-priority");
    expect(await drift(app1)).toEqual(["app-1 redis.tcp-backlog: wanted 511, seen 77"]);
    await repair(app1, "node");
    expect(existsSync(release)).toBe(false);
  });

  test("a limit that would evict what is in use is not taken back", async () => {
    consoleHost.ask(
      "node",
      "eval",
      "for i = 1, 1000 do redis.call('set', i, ('x'):rep(9999)) end",
      "0",
    );
    consoleHost.write(
      "staged/redis.conf",
      `${consoleHost.read("staged/redis.conf")}maxmemory 4mb\nmaxmemory-policy allkeys-lru\n`,
    );
    consoleHost.write("/run/redis-cluster/node/release", `${releaseOfStaged(consoleHost)}\n`);
    const outcome = await repairing(consoleHost, "node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(/maxmemory is 4194304 bytes, below the \d+ in use/);
    expect(consoleHost.ask("node", "dbsize")).toBe("1000\n");
  });
});

describe("the running sentinel", () => {
  beforeAll(start);
  afterAll(() => hosts.destroy());

  test("its values, a master that is none of ours, its users: found and taken back", async () => {
    const set = (...words: string[]) =>
      app1.ask("sentinel", "sentinel", "set", masterName, ...words);
    set("quorum", "1", "down-after-milliseconds", "9000", "master-reboot-down-after-period", "5");
    set("auth-pass", "typed-by-hand-0123456789");
    app1.ask("sentinel", "sentinel", "config", "set", "announce-ip", "127.0.0.9");
    app1.ask("sentinel", "sentinel", "monitor", "other", "127.0.0.1", "1", "1");
    app1.ask("sentinel", "acl", "setuser", "sentinel", "-publish");
    expect(await drift(app1)).toEqual([
      "app-1 sentinel.monitor other: wanted no such master, seen monitored",
      "app-1 sentinel.quorum: wanted 2, seen 1",
      "app-1 sentinel.down-after-milliseconds: wanted 30000, seen 9000",
      "app-1 sentinel.auth-pass: wanted the deployed password, seen another",
      `app-1 sentinel.announce-ip: wanted ${app1.address}, seen 127.0.0.9`,
      expect.stringMatching(/^app-1 sentinel\.acl\.sentinel: .*seen .*-publish/),
    ]);
    expect(await repair(app1, "sentinel")).toContain("sentinel.quorum");
    expect(await drift(app1)).toEqual([]);
    expect(masterAsSeenBy(app1)).toContain("\nmaster\n");
  });

  test.each(["a stranger", "a replica", "nobody"])(
    "watching %s: it watches the master again",
    async (whom) => {
      const sentinel = (...words: string[]) => app1.ask("sentinel", "sentinel", ...words);
      sentinel("remove", masterName);
      const address = whom === "a stranger" ? "127.0.0.1" : app2.address;
      if (whom !== "nobody") sentinel("monitor", masterName, address, "6389", "2");
      const seen = whom === "nobody" ? '""' : `${address} 6389`;
      expect(await drift(app1)).toContain(
        `app-1 sentinel.monitor ${masterName}: wanted ${consoleHost.address} 6389, seen ${seen}`,
      );
      await repair(app1, "sentinel");
      expect(await drift(app1)).toEqual([]);
      await eventually(15, () =>
        /num-slaves\n2\n.*num-other-sentinels\n2\n/s.test(masterAsSeenBy(app1)),
      );
      expect(masterAsSeenBy(app1)).toContain(`\nip\n${consoleHost.address}\n`);
    },
  );

  test("a replica that is no member and not there is forgotten, those of the group are not", async () => {
    await app1.stop("sentinel");
    const ghost = `sentinel known-replica ${masterName} 127.0.0.1 1\n`;
    app1.write("redis-sentinel.conf", app1.read("redis-sentinel.conf") + ghost);
    await app1.start("sentinel");
    await eventually(10, () => masterAsSeenBy(app1).includes("num-slaves\n3\n"));
    expect(await drift(app1)).toEqual([
      "app-1 sentinel.known-replica: wanted members alone, seen 127.0.0.1 1",
    ]);
    await repair(app1, "sentinel");
    await eventually(15, () =>
      /num-slaves\n2\n.*num-other-sentinels\n2\n/s.test(masterAsSeenBy(app1)),
    );
    expect(await drift(app1)).toEqual([]);
  });
});

describe("files, units and services", () => {
  beforeAll(start);
  afterAll(() => hosts.destroy());

  test("a staged file, a secret one, a release, a program, a unit, a drop-in", async () => {
    const edit = (file: string, text: string) => app1.write(file, app1.read(file) + text);
    edit("staged/redis.conf", "hz 20\nmasterauth typed-by-hand\n");
    edit("staged/secrets", "more typed-by-hand\n");
    edit("/usr/local/lib/redis-cluster/redis-cluster", "# edited\n");
    edit("/etc/systemd/system/redis-cluster.service", "LimitNOFILE=99\n");
    app1.write("/etc/systemd/system/redis-sentinel.service.d/limits.conf", "[Service]\n");
    rmSync(app1.path("staged/sentinel.conf"));
    const lines = await drift(app1);
    expect(lines).toEqual([
      `app-1 ${app1.path("/usr/local/lib/redis-cluster/redis-cluster")}: wanted as deployed, seen edited or missing`,
      `app-1 ${app1.path("staged/redis.conf")}: wanted no such line, seen hz 20;masterauth ...`,
      `app-1 ${app1.path("staged/secrets")}: wanted as deployed, seen edited`,
      `app-1 ${app1.path("staged/sentinel.conf")}: wanted a file, seen none`,
      `app-1 ${app1.path("/etc/systemd/system/redis-cluster.service")}: wanted no such line, seen LimitNOFILE=99`,
      `app-1 ${app1.path("/etc/systemd/system/redis-sentinel.service.d/limits.conf")}: wanted none, seen a file`,
    ]);
    expect(lines.join()).not.toContain("typed-by-hand");
    rmSync(app1.path("/etc/systemd/system/redis-sentinel.service.d"), { recursive: true });
    deploy(app1);
  });

  test("an edited unit or a drop-in owes a restart, and the rollout's unit takes their place", async () => {
    const installed = () =>
      app1.python(`from redis_cluster.host import installed
print("installed" if installed("sentinel", "${app1.path("staged")}") else "other")`);
    for (const directory of ["/run/systemd/system.control", "/usr/local/lib/systemd/system"]) {
      app1.write(`${directory}/redis-sentinel.service.d/50-x.conf`, "[Service]\n");
      expect((await installed()).stdout).toBe("other\n");
      expect(await drift(app1)).toHaveLength(1);
      expect(await app1.act("install", "sentinel")).toMatchObject({ status: 0, stderr: "" });
      expect((await installed()).stdout).toBe("installed\n");
      expect(await drift(app1)).toEqual([]);
    }
  });

  test("an edited release is made again from what is staged", async () => {
    const release = readlinkSync(app1.path("current"));
    app1.write(`${release}/redis.conf`, app1.read(`${release}/redis.conf`) + "hz 20\n");
    expect(await drift(app1)).toContain(
      `app-1 ${app1.path(release)}/redis.conf: wanted no such line, seen hz 20`,
    );
    expect(await app1.tell("node-roll", [])).toMatchObject({ status: 0, stderr: "" });
    expect(await drift(app1)).toEqual([]);
  });

  test("a stopped, a disabled service", async () => {
    services["redis-cluster.service"] = { active: "inactive", enabled: "enabled" };
    services["redis-sentinel.service"] = { active: "active", enabled: "disabled" };
    expect(await drift(app1)).toEqual([
      "app-1 redis-cluster.service: wanted active, seen inactive",
      "app-1 redis-sentinel.service: wanted enabled, seen disabled",
    ]);
  });
});
