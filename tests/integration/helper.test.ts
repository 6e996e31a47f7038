import { execFileSync } from "child_process";
import { mkdtempSync, rmSync } from "fs";
import { join } from "path";
import {
  changes,
  failedUp,
  hosts,
  identities,
  lab,
  losingNothing,
  namedMaster,
  on,
  openStack,
  Stack,
  top,
  untilWhole,
} from "../helpers/lab";
import { openVault } from "../helpers/vault";
import { held, hold, installHolds, releaseAll } from "../helpers/holds";

// An SSH user who may run nothing as root but the program that an administrator has installed.

const program = "/usr/local/lib/redis-cluster/redis-cluster";
/** As a directory service names its users. */
const keeper = "keeper@corp.example.com";
let dev: Stack;
/** What an administrator copies to the hosts. */
let directory: string;

const set = (key: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${key}`, { value }, true);

/** What a command says, as the SSH user of the stack; its failure is part of it. */
const asKeeper = (host: string, command: string) =>
  on(host, `runuser -u ${keeper} -- bash -c '${command}' 2>&1 || echo "status $?"`);

function copyTo(host: string): void {
  const archive = execFileSync("tar", ["-c", "-C", directory, "."]);
  execFileSync(
    join(top, "lab/lab"),
    ["ssh", host, "sudo -n tar -x --one-top-level=/root/host-helper --no-same-owner"],
    { input: archive },
  );
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await set("deleteData", "true");
  await set("ssh.user", keeper);
  await set("ssh.helper", "true");
  directory = mkdtempSync(join(top, "build", "host-helper-"));
  execFileSync("npm", ["run", "--silent", "host-helper", "--", directory], { cwd: top });
  for (const host of hosts) {
    on(
      host,
      `useradd --badname --create-home --home-dir /home/keeper --shell /bin/bash ${keeper} && cp -r ~deploy/.ssh /home/keeper/ && chown -R ${keeper}: /home/keeper/.ssh`,
    );
    copyTo(host);
  }
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

it("changes nothing where the administrator has not installed it yet", async () => {
  expect(await failedUp(dev)).toMatch(/-check[^]*(a password is required|command not found)/);
  for (const host of hosts) expect(on(host, "ls /etc /usr/local/lib")).not.toContain("redis-cl");
});

it("is installed by one command, which says what the user may do as root now", () => {
  for (const host of hosts) {
    const said = on(host, `/root/host-helper/install ${keeper}`);
    expect(said).toMatch(
      new RegExp(
        `may run the following commands on ${host}:\\s+\\(root\\) NOPASSWD: sha256:[0-9a-f]{64} ${program}$`,
      ),
    );
  }
  expect(on("app-1", "/root/host-helper/install nobody-of-them 2>&1 || true")).toBe(
    "install: 'nobody-of-them' is no user of this host; expected the one of redis-cluster:ssh.user. Nothing was changed",
  );
});

it("deploys the group, changes it live and by restarts, saves it, and looks for drift", async () => {
  const { outputs } = await dev.stack.up();
  expect(outputs.currentMaster.value).toMatchObject({ name: "console" });
  await untilWhole();
  await set("redis.maxmemory", "100mb");
  await set("redis.databases", "32");
  await set("backup.hosts[0]", "app-1");
  await set("backup.onCalendar", "*-01-01 03:00:00");
  await set("backup.drill", "1");
  const { repository } = await openVault(dev);
  await losingNothing(dev, () => dev.stack.up());
  for (const host of hosts) {
    const login = `REDISCLI_AUTH=${dev.passwords.operator} redis-cli --user operator -h ${host} -p 6389`;
    expect(on(host, `${login.replace(host, "$(hostname -I)")} CONFIG GET databases`)).toContain(
      "32",
    );
  }
  on("app-1", "systemctl start redis-cluster-backup");
  expect(on("app-1", `${program} backups`)).toMatch(
    new RegExp(` proven \\w+\n${repository}/app-1: .* there proven \\w+$`),
  );
  const shown = "systemctl show --value -p TimersCalendar redis-cluster-backup.timer";
  expect(on("app-1", shown)).toContain("OnCalendar=*-01-01 03:00:00");
  expect(changes((await dev.stack.refresh()).summary.resourceChanges)).toEqual({});
  expect(changes((await dev.stack.up()).summary.resourceChanges)).toEqual({});
});

describe("another version of the package", () => {
  const versions = () => hosts.map((host) => on(host, "dpkg-query -W redis-server redis-tools"));
  const both = (version: string) => `redis-server\t${version}\nredis-tools\t${version}`;
  let newer: string;
  let older: string;
  beforeAll(() => {
    const known = "apt-cache madison redis-server | cut -d\\| -f2 | tr -d ' '";
    [newer, older] = on("console", known).split("\n");
  });

  it("that a host does not have: refused with those that it has, before anything is changed", async () => {
    const before = [versions(), await identities(dev)];
    await set("packageVersion", "5:7.0.99-1");
    const refused = await failedUp(dev);
    for (const host of hosts)
      expect(refused).toMatch(
        new RegExp(
          `\\[${host}\\]: error: redis-cluster:packageVersion is 5:7.0.99-1, which this host's apt does not know; ` +
            `expected one of: ${newer}, ${older}\\.`.replaceAll("+", "\\+"),
        ),
      );
    expect([versions(), await identities(dev)]).toEqual(before);
  });

  it("is a rolling restart in one run, in each host's own turn; the distribution's own Redis goes on", async () => {
    const legacy = () => on("console", "systemctl show -p MainPID --value redis-server");
    const itsOwn = legacy();
    const replica = (await namedMaster(dev)) === "app-2" ? "console" : "app-2";
    installHolds(replica);
    on(replica, "chmod 0777 /run/holds");
    for (const version of [older, newer]) {
      const waits = { host: replica, verb: "node-roll", point: "before" } as const;
      const [master, before] = [await namedMaster(dev), await identities(dev)];
      const was = on(replica, "dpkg-query -W redis-server");
      await set("packageVersion", version);
      await losingNothing(dev, async () => {
        await hold(waits);
        const run = dev.stack.up();
        await held(waits);
        // Who crashes meanwhile comes back as what he was.
        expect(on(replica, "dpkg-query -W redis-server")).toBe(was);
        await releaseAll(replica);
        await run;
      });
      expect(versions()).toEqual(hosts.map(() => both(version)));
      const after = await identities(dev);
      const changed = Object.keys(after).filter((daemon) => after[daemon] !== before[daemon]);
      // All that ran another one, the master last, and nobody else.
      if (version === newer) {
        expect(changed).toEqual(Object.keys(after));
        expect(await namedMaster(dev)).not.toBe(master);
      }
      expect(asKeeper("app-1", `sudo -n ${program} gate`)).toContain("the group is whole");
    }
    expect(legacy()).toBe(itsOwn);
    expect(on("console", "systemctl is-enabled redis-server; redis-cli ping")).toBe(
      "enabled\nPONG",
    );
  });
});

it("gives the user nothing else as root", () => {
  const refused = /a password is required\nstatus 1$/;
  expect(asKeeper("app-1", "sudo -n id")).toMatch(refused);
  expect(asKeeper("app-1", "sudo -n bash")).toMatch(refused);
  expect(asKeeper("app-1", `sudo -n REDIS_CLUSTER_ROOT=/tmp ${program} gate`)).toContain("status");
  expect(asKeeper("app-1", `sudo -n ${program} gate`)).toContain("the group is whole");
  // A file that redis may replace is never written by root.
  expect(asKeeper("app-1", `sudo -n ${program} compose-node`)).toContain(
    "expected that instead of root",
  );
  const claim = `sudo -n ${program} claim sentinel 6f9619ff-8b86-d011-b42d-00cf4fc964ff`;
  for (const [name, line] of [
    ["members", "quorum two"],
    ["firewall.nft", "flush ruleset"],
  ])
    expect(
      asKeeper(
        "app-1",
        `printf "owner redis-cluster/dev\\n==> ${name} <==\\n${line}\\n==> end <==\\n" | ${claim}`,
      ),
    ).toContain(`nothing was staged: ${name}: line 1; expected files as this version`);
  expect(
    on(
      "app-1",
      "cmp /etc/systemd/system/redis-cluster.service /usr/local/lib/redis-cluster/units/redis-cluster.service",
    ),
  ).toBe("");
});

it("does not run a program that was changed, and says who has to act where it is another version", async () => {
  on("app-2", `echo "# changed" >>${program}`);
  expect(asKeeper("app-2", `sudo -n ${program} gate`)).toMatch(/a password is required/);

  // An administrator installs what is not this version's.
  on(
    "app-2",
    `echo "# another" >>/root/host-helper/write-files; /root/host-helper/install ${keeper}`,
  );
  const { stdout } = await dev.stack.refresh();
  expect(stdout).toContain(
    "app-2 /usr/local/lib/redis-cluster/write-files: wanted as deployed, seen edited or missing",
  );
  const before = await namedMaster(dev);
  expect(await failedUp(dev)).toMatch(
    /\[app-2\]: error: \S+\/write-files, which an administrator installed here, is of another version; expected the one with the sha256 [0-9a-f]{64}[^]*npm run host-helper/,
  );
  expect(await namedMaster(dev)).toBe(before);
  copyTo("app-2");
  on("app-2", `/root/host-helper/install ${keeper}`);
  await dev.stack.up();
  expect(changes((await dev.stack.refresh()).summary.resourceChanges)).toEqual({});
});

it("is left to the administrator when the group is taken away", async () => {
  await dev.stack.destroy();
  for (const host of hosts) {
    expect(on(host, "ls /usr/local/lib/redis-cluster").split("\n")).toEqual([
      "logrotate",
      "needrestart",
      "redis-cluster",
      "redis_cluster",
      "sums",
      "units",
      "watch-firewall",
      "write-files",
    ]);
    expect(on(host, "ls -d /etc/redis-cluster /var/lib/redis-cluster 2>/dev/null || true")).toBe(
      "",
    );
  }
});
