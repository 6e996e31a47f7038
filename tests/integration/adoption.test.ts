import { readFileSync } from "fs";
import { join } from "path";
import {
  address,
  ask,
  changes,
  epoch,
  eventually,
  failedUp,
  Host,
  hosts,
  identities,
  killedUp,
  lab,
  masterName,
  namedMaster,
  nodePort,
  nothingLost,
  on,
  openStack,
  sentinelPort,
  Stack,
  top,
  untilWhole,
} from "../helpers/lab";
import { startWriter } from "../writer";

// Takes over hosts that Ansible deployed, its trap included: on the console host the master's name
// is 127.0.0.1, so that its sentinel announces that address, and each of the others counts itself twice.

const password = "foobared";
const daemons = { node: nodePort, sentinel: sentinelPort };
type Daemon = keyof typeof daemons;

let dev: Stack;

const set = (key: string, value: string, secret = false) =>
  dev.stack.setConfig(`redis-cluster:${key}`, { value, secret });
const remove = (key: string) => dev.stack.removeConfig(`redis-cluster:${key}`);

/** A command as a client of the legacy group sends it: nodes want its one password, sentinels none. */
function asOfTheRole(host: Host, daemon: Daemon, ...command: string[]): string {
  const login = daemon === "node" ? `REDISCLI_AUTH=${password} ` : "";
  return on(
    host,
    `${login}redis-cli -h ${address(host)} -p ${daemons[daemon]} ${command.join(" ")} 2>&1`,
  );
}

const roleMaster = (host: Host): string =>
  asOfTheRole(host, "sentinel", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName).split("\n")[0];

const sentinelIds = (): string[] =>
  hosts.map((host) =>
    on(host, "grep -oP '^sentinel myid \\K.*' /etc/redis-cluster/redis-sentinel.conf"),
  );

/** How often each daemon has started, by its own log. */
const starts = (): number[] =>
  hosts.flatMap((host) =>
    ["redis-cluster", "redis-sentinel"].map((daemon) =>
      Number(on(host, `grep -c 'Redis is starting' /var/log/redis-cluster/${daemon}.log`)),
    ),
  );

/** The legacy group on every host, with 2000 keys. */
async function deployRole(): Promise<void> {
  const script = readFileSync(join(top, "tests/helpers/legacy-group"), "utf8");
  const addresses = ["console", "app-1", "app-2"].map(address).join(" ");
  for (const host of ["console", "app-1", "app-2"])
    on(host, `set -- ${host} ${addresses}\n${script}`);
  on(
    "console",
    `seq 2000 | sed 's/.*/SET key:& &/' | REDISCLI_AUTH=${password} redis-cli -p ${nodePort} >/dev/null`,
  );
  // The trap has sprung: the other sentinels count themselves twice.
  for (const host of hosts) {
    const sentinels = host === "console" ? 3 : 4;
    await eventually(`${host}'s sentinel counts ${sentinels}`, 90, () =>
      asOfTheRole(host, "sentinel", "INFO", "sentinel").includes(`slaves=2,sentinels=${sentinels}`),
    );
  }
}

async function failOver(): Promise<void> {
  on("console", "systemctl stop redis-cluster");
  await eventually("another master", 30, () =>
    hosts.every((host) => !["127.0.0.1", address("console")].includes(roleMaster(host))),
  );
  on("console", "systemctl start redis-cluster");
  const master = hosts.find((host) => address(host) === roleMaster("app-1"))!;
  await eventually("both others are its replicas", 60, () =>
    asOfTheRole(master, "node", "INFO", "replication").includes("connected_slaves:2"),
  );
}

/** Runs it while a client of the legacy group writes; nothing acknowledged may be lost. */
async function losingNothing(what: () => Promise<void>): Promise<void> {
  const writer = await startWriter({
    sentinels: hosts.map((host) => ({ host: address(host), port: sentinelPort })),
    masterName,
    username: "default",
    password,
    sentinelLogin: false,
  });
  try {
    await what();
  } finally {
    await nothingLost(writer);
  }
}

/** What holds after every adoption, however it came about. */
async function expectTakenOver(before: { ids: string[]; epoch: number }): Promise<void> {
  await untilWhole();
  expect(sentinelIds()).toEqual(before.ids);
  expect(await epoch(dev)).toBe(before.epoch + 1);
  const master = (await namedMaster(dev))!;
  for (const host of hosts) {
    await eventually(
      `${host} has the data`,
      30,
      async () => (await ask(dev, { host, daemon: "node" }, "DBSIZE")) === 2000,
    );
    const sentinel = { host, daemon: "sentinel" } as const;
    const known = async (what: string) =>
      ((await ask(dev, sentinel, "SENTINEL", what, masterName)) as string[][])
        .map((fields) => fields[fields.indexOf("ip") + 1])
        .sort();
    expect(await known("REPLICAS")).toEqual(
      hosts
        .filter((each) => each !== master)
        .map(address)
        .sort(),
    );
    expect(await known("SENTINELS")).toEqual(
      hosts
        .filter((each) => each !== host)
        .map(address)
        .sort(),
    );
    for (const unit of ["redis-cluster", "redis-sentinel"]) {
      expect(on(host, `head -n 1 /etc/systemd/system/${unit}.service`)).toBe(
        "# Managed by Pulumi: redis-cluster",
      );
      expect(on(host, `systemctl is-enabled ${unit}`)).toBe("enabled");
    }
    expect(on(host, "stat -c '%U:%G %a' /etc/redis-cluster")).toBe("root:redis 1770");
    expect(on(host, "grep -rl foobared /etc/redis-cluster/*.conf || true")).toBe("");
    expect(on(host, "ls /run/redis-cluster").split("\n")).toEqual(["node", "sentinel"]);
    expect(on(host, "stat -c %U /run/redis-cluster")).toBe("root");
  }
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await set("deleteData", "true");
  await deployRole();
  await failOver();
});

describe("refuses, and touches nothing that runs", () => {
  let before: string[];
  const state = () =>
    hosts.flatMap((host) => [
      asOfTheRole(host, "node", "ACL", "LIST"),
      asOfTheRole(host, "sentinel", "ACL", "LIST"),
      on(host, "systemctl show -p MainPID,FragmentPath redis-cluster redis-sentinel"),
      on(host, "sha256sum /etc/systemd/system/redis-{cluster,sentinel}.service"),
    ]);

  beforeAll(() => {
    before = state();
  });
  afterEach(() => {
    expect(state()).toEqual(before);
  });

  it("without the operator's consent", async () => {
    expect(await failedUp(dev)).toMatch(
      /redis-cluster.service is of a legacy group[^]*config set --secret adoptPassword[^]*Nothing was changed/,
    );
    for (const host of hosts) expect(on(host, "ls /etc/redis-cluster")).not.toContain("managed");
  });

  it("a password that is not the one of the legacy group's clients", async () => {
    await set("adoptPassword", "another", true);
    expect(await failedUp(dev)).toMatch(/WRONGPASS[^]*config set --secret adoptPassword/);
  });

  it("a group of another master name", async () => {
    await set("adoptPassword", password, true);
    await set("masterName", "redis-dev-other");
    expect(await failedUp(dev)).toMatch(
      /its sentinel watches 'redis-dev-cluster'; expected redis-dev-other[^]*redis-cluster:masterName/,
    );
    await remove("masterName");
  });

  it("a unit on one host that is not the legacy one", async () => {
    await set("adoptPassword", password, true);
    const file = "/etc/systemd/system/redis-sentinel.service";
    on("app-2", `sed -i.kept 's,^ExecStart=.*,ExecStart=/opt/sentinel,' ${file}`);
    try {
      expect(await failedUp(dev)).toMatch(/\[app-2\]: error: .*redis-sentinel.service belongs to/);
    } finally {
      on("app-2", `mv ${file}.kept ${file}`);
    }
  });
});

it("takes the group over: same data, ids and master name, one rolling restart, no write lost", async () => {
  await set("adoptPassword", password, true);
  const before = { ids: sentinelIds(), epoch: 1, starts: starts() };
  const oldMaster = roleMaster("app-1");
  await losingNothing(async () => {
    await dev.stack.up();
  });
  await expectTakenOver(before);
  expect(address((await namedMaster(dev))!)).not.toBe(oldMaster);
  expect(starts()).toEqual(before.starts.map((count) => count + 1));

  const ids = await identities(dev);
  const { summary } = await dev.stack.up();
  expect(changes(summary.resourceChanges)).toEqual({});
  expect(await identities(dev)).toEqual(ids);
});

it("serves the legacy group's clients as before, with an application's rights", async () => {
  const master = (await namedMaster(dev)) as Host;
  expect(asOfTheRole(master, "node", "SET", "key:1", "1")).toBe("OK");
  expect(asOfTheRole(master, "node", "CONFIG", "GET", "masterauth")).toContain("NOPERM");
  expect(roleMaster("app-1")).toBe(address(master));
  expect(asOfTheRole("app-1", "sentinel", "SENTINEL", "FAILOVER", masterName)).toContain("NOPERM");
  expect(on(master, `redis-cli -h ${address(master)} -p ${nodePort} PING 2>&1`)).toContain(
    "NOAUTH",
  );
});

it("ends that when the key is removed, and restarts nothing", async () => {
  const ids = await identities(dev);
  await remove("adoptPassword");
  await dev.stack.up();
  expect(await identities(dev)).toEqual(ids);
  for (const host of hosts) {
    expect(asOfTheRole(host, "node", "PING")).toContain("WRONGPASS");
    expect(asOfTheRole(host, "sentinel", "PING")).toContain("NOAUTH");
    expect(on(host, "grep -rl foobared /etc/redis-cluster/managed/current/ || true")).toBe("");
  }
});

it("finishes an adoption that was killed again and again, of a group that never failed over", async () => {
  await dev.stack.destroy();
  await set("adoptPassword", password, true);
  await deployRole();
  const before = { ids: sentinelIds(), epoch: 0 };
  await losingNothing(async () => {
    let kills = 0;
    while (!(await killedUp(dev, 8))) {
      kills += 1;
      expect(kills).toBeLessThan(20);
    }
    expect(kills).toBeGreaterThan(3);
  });
  await expectTakenOver(before);
  // Claims of killed runs are no other's: the delete of each acts.
  await dev.stack.destroy();
  for (const host of hosts)
    expect(
      on(
        host,
        "systemctl is-active redis-cluster redis-sentinel; ls /etc/redis-cluster 2>&1; true",
      ),
    ).toBe("inactive\ninactive\nls: cannot access '/etc/redis-cluster': No such file or directory");
});
