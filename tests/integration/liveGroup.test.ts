import { automation } from "@pulumi/pulumi";
import { execFileSync } from "child_process";
import Redis from "ioredis";
import { join } from "path";
import {
  address,
  ask,
  changes,
  epoch,
  failedUp,
  hosts,
  identities,
  info,
  lab,
  losingNothing,
  masterName,
  meanwhileOn,
  monitored,
  namedMaster,
  nodePort,
  on,
  openStack,
  Stack,
  stateFiles,
  untilWhole,
  watchOn,
} from "../helpers/lab";
import { openVault, resticPassword } from "../helpers/vault";

// Runs on a group that holds data, while a client writes all the time. Tests assert what is exact; how long
// writes pause is measured by `make bench`.

let dev: Stack;

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);

/** What a run's output shows of the steps that had something to do, each with its duration. */
function timeline(said: string): string[] {
  const step =
    /Command (\S+-(?:stop|roll|roll-master)) updated \([\d.ms]+\) \[diff: [^\]]*\]; (.*) \[[0-9a-f]{8}\]$/gm;
  return [...said.matchAll(step)]
    .filter(([, , did]) => did !== "nothing owed")
    .map(([, name, did]) => `${name}: ${did}`);
}

/** Runs it while new clients come all the time; returns how few sentinels answered one of them. */
async function fewestSentinelsDuring(what: () => Promise<unknown>): Promise<number> {
  const watch = watchOn(dev);
  await what().finally(() => watch.stop());
  const { rounds, fewest } = await watch.stop();
  expect(rounds).toBeGreaterThan(20);
  return fewest;
}

async function nodeSetting(host: string, name: string): Promise<string> {
  return ((await ask(dev, { host, daemon: "node" }, "CONFIG", "GET", name)) as string[])[1];
}

/** How often the nodes of the group have got all data anew. */
const fullSyncs = () =>
  hosts
    .map((host) =>
      on(host, "grep -c 'Full resync from master' /var/log/redis-cluster/redis-cluster.log || :"),
    )
    .map(Number)
    .reduce((sum, count) => sum + count, 0);

/** The classes of change that a plain preview tells. */
async function previewedClasses(): Promise<string[]> {
  const { stdout } = await dev.stack.preview();
  const [, names = ""] = /change-classes update .*\[diff: ([^\]]*)\]/.exec(stdout) ?? [];
  return names.split(",").filter((name) => /live|restart/.test(name));
}

const nodes = (ids: Record<string, string>) =>
  Object.fromEntries(Object.entries(ids).filter(([daemon]) => daemon.endsWith("node")));

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
});

it("after the master hung and Sentinel failed over, `up` shows no change and moves nothing", async () => {
  await losingNothing(dev, async () => {
    await meanwhileOn("console", "systemctl kill --kill-who=main -s STOP redis-cluster");
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    await meanwhileOn("console", "systemctl kill --kill-who=main -s CONT redis-cluster");
    await untilWhole();
    const before = await identities(dev);
    const master = await namedMaster(dev);
    expect(master).not.toBe("console");
    const { summary } = await dev.stack.up();
    expect(changes(summary.resourceChanges)).toEqual({});
    expect(await identities(dev)).toEqual(before);
    expect(await namedMaster(dev)).toBe(master);
  });
});

it("live class: applies a setting everywhere, restarts nothing, and it outlives a restart", async () => {
  const before = await identities(dev);
  // It does not come back by itself.
  const client = new Redis({
    host: address((await namedMaster(dev))!),
    port: nodePort,
    username: "application",
    password: dev.passwords.application,
    disableClientInfo: true,
    retryStrategy: () => null,
  });
  const id = await client.client("ID");
  await losingNothing(dev, async () => {
    await set("redis.hz", "20");
    await set("redis.maxmemory", "256mb");
    await set("redis.save[0]", "3600 1");
    await set("sentinel.down-after-milliseconds", "5001");
    expect(await previewedClasses()).toEqual(["~live"]);
    expect(await fewestSentinelsDuring(() => dev.stack.up())).toBe(3);
  });
  expect(await client.client("ID")).toBe(id);
  client.disconnect();
  expect(await identities(dev)).toEqual(before);
  for (const host of hosts) {
    expect(await nodeSetting(host, "hz")).toBe("20");
    expect(await nodeSetting(host, "maxmemory")).toBe("268435456");
    expect(await nodeSetting(host, "save")).toBe("3600 1");
    expect(await monitored(dev, host, "down-after-milliseconds")).toBe("5001");
  }
  const replica = hosts.find((host) => !host.startsWith("console")) as string;
  on(replica, "systemctl restart redis-cluster redis-sentinel");
  await untilWhole();
  expect(await nodeSetting(replica, "hz")).toBe("20");
  expect(await monitored(dev, replica, "down-after-milliseconds")).toBe("5001");
});

it("restart class: replicas first, one handover, every node restarted once, no full sync, no write lost", async () => {
  const [before, syncs] = [await identities(dev), fullSyncs()];
  const [oldMaster, oldEpoch] = [(await namedMaster(dev))!, await epoch(dev)];
  let said = "";
  const up = async () => {
    said = (await dev.stack.up({ color: "never" })).stdout;
  };
  await losingNothing(dev, async () => {
    await set("redis.tcp-backlog", "600");
    expect(await previewedClasses()).toEqual(["~restart"]);
    // One at a time is down, and never two.
    expect(await fewestSentinelsDuring(up)).toBe(2);
  });
  const [from, to] = [oldMaster, (await namedMaster(dev))!].map((host) => `${address(host)}:6389`);
  expect(timeline(said)).toEqual([
    ...hosts.flatMap((host) =>
      host === oldMaster
        ? [
            `${host}-node-roll: let be: the master, whose turn is last`,
            `${host}-sentinel-roll: let be, with the master: its turn is last`,
          ]
        : [
            `${host}-node-roll: stopped the sentinel; restarted as replica of ${from}`,
            `${host}-sentinel-roll: started`,
          ],
    ),
    `${oldMaster}-node-roll-master: handed over to ${to}; restarted as replica of ${to}`,
  ]);
  const after = await identities(dev);
  for (const daemon of Object.keys(before)) expect(after[daemon]).not.toBe(before[daemon]);
  expect(await epoch(dev)).toBe(oldEpoch + 1);
  expect(await namedMaster(dev)).not.toBe(oldMaster);
  for (const host of hosts) {
    expect(await nodeSetting(host, "tcp-backlog")).toBe("600");
    expect(await nodeSetting(host, "appendonly")).toBe("yes");
  }
  expect(fullSyncs()).toBe(syncs);
  const { summary } = await dev.stack.up();
  expect(changes(summary.resourceChanges)).toEqual({});
  expect(await identities(dev)).toEqual(after);
});

it("a setting that Redis refuses becomes live nowhere, and a crash comes up on the last good release", async () => {
  const before = await identities(dev);
  await set("redis.proc-title-template", "{nonsense} {title}");
  const said = await failedUp(dev);
  expect(said).toContain("redis.conf was refused");
  expect(said).toMatch(/proc-title-template[^]*template format is invalid/);
  expect(await identities(dev)).toEqual(before);
  on("app-1", "systemctl kill --signal=KILL redis-cluster");
  await untilWhole();
  expect(await nodeSetting("app-1", "proc-title-template")).not.toContain("nonsense");
  await dev.stack.removeConfig("redis-cluster:redis.proc-title-template", true);
  const crashed = await identities(dev);
  await dev.stack.up();
  expect(await identities(dev)).toEqual(crashed);
});

it("refuses, in the preview and on the hosts, what would start a node without its data", async () => {
  const before = await identities(dev);
  await set("redis.appendfilename", "other.aof");
  await expect(dev.stack.preview()).rejects.toThrow(
    /appendfilename is other.aof on app-1; expected/,
  );
  expect(await failedUp(dev)).toContain("appendfilename is other.aof; expected appendonly.aof");
  await dev.stack.removeConfig("redis-cluster:redis.appendfilename", true);
  await dev.stack.up();
  expect(await identities(dev)).toEqual(before);
});

it("refuses, in the preview and on the hosts, another name or port: no sentinel drops the old one", async () => {
  const before = await identities(dev);
  await losingNothing(dev, async () => {
    for (const [key, value, was] of [
      ["nodePort", "7389", "6389"],
      ["sentinelPort", "27389", "26389"],
      ["masterName", "redis-dev-other", masterName],
    ]) {
      const words = `redis-cluster:${key} is ${value}; expected ${was}`;
      await set(key, value);
      await expect(dev.stack.preview()).rejects.toThrow(words);
      expect(await failedUp(dev)).toContain(words);
      await dev.stack.removeConfig(`redis-cluster:${key}`);
    }
  });
  for (const host of hosts) {
    const asked = { host, daemon: "sentinel" } as const;
    const masters = (await ask(dev, asked, "SENTINEL", "MASTERS")) as string[][];
    expect(masters.map(([, name]) => name)).toEqual([masterName]);
  }
  await dev.stack.up();
  expect(await identities(dev)).toEqual(before);
});

it("a planned stop of the master hands over first", async () => {
  const master = (await namedMaster(dev))!;
  await losingNothing(dev, async () => {
    await meanwhileOn(master, "systemctl stop redis-cluster");
    const successor = (await namedMaster(dev))!;
    expect(successor).not.toBe(master);
    expect(await info(dev, { host: successor, daemon: "node" }, "replication")).toMatchObject({
      role: "master",
    });
    await meanwhileOn(master, "systemctl start redis-cluster");
  });
  await untilWhole();
});

it("a red gate stops a rollout before anything is stopped; its override is good for that plan alone", async () => {
  // Sentinel leaves a replica of another master alone for as long.
  await set("sentinel.failover-timeout", "600000");
  await dev.stack.up();
  const master = (await namedMaster(dev))!;
  const replica = hosts.find((host) => host !== master) as string;
  const before = nodes(await identities(dev));
  const asked = { host: replica, daemon: "node" } as const;
  await ask(dev, asked, "ACL", "SETUSER", "sentinel", "-config|rewrite");
  const gate = "/usr/local/lib/redis-cluster/redis-cluster gate";
  expect(() => on(master, gate)).toThrow(new RegExp(`${replica} node: .*config\\|rewrite`));
  await ask(dev, asked, "ACL", "SETUSER", "sentinel", "+config|rewrite");
  await ask(dev, asked, "REPLICAOF", "10.9.9.9", String(nodePort));
  await set("redis.tcp-backlog", "601");
  const said = await failedUp(dev);
  expect(said).toContain(`${replica} node: master is 10.9.9.9:6389; expected`);
  expect(nodes(await identities(dev))).toEqual(before);
  expect(on(replica, "systemctl is-active redis-sentinel")).toBe("active");
  const [, plan] = /config set override ([0-9a-f]{16})/.exec(said) ?? [];
  expect(plan).toBeDefined();
  await set("override", "0000000000000000");
  expect(await failedUp(dev)).toContain(plan);
  expect(nodes(await identities(dev))).toEqual(before);
  // The restart asks for the master anew: the fault ends with the turn of its own host.
  await set("override", plan);
  await losingNothing(dev, async () => {
    await dev.stack.up();
  });
  for (const host of hosts) expect(await nodeSetting(host, "tcp-backlog")).toBe("601");
  await dev.stack.removeConfig("redis-cluster:override");
});

it("a host more, and a host less while it is the master: one run each, nobody else restarts, no write is lost", async () => {
  lab("up", "4");
  dev = await openStack("dev");
  await set("hosts.app-3.sentinel", "false");
  // The first to take over.
  await set("hosts.app-3.redis.replica-priority", "10");
  const app3 = { host: "app-3", daemon: "node" } as const;
  await losingNothing(dev, async () => {
    const [before, old] = [await identities(dev), (await namedMaster(dev))!];
    await dev.stack.up();
    expect(await identities(dev)).toEqual(before);
    expect((await info(dev, app3, "replication")).master_link_status).toBe("up");
    for (const host of hosts) expect(await nodeSetting(host, "min-replicas-to-write")).toBe("2");

    await meanwhileOn(old, "systemctl restart redis-cluster");
    expect((await info(dev, app3, "replication")).role).toBe("master");
    await untilWhole();
    const [after, oldEpoch] = [await identities(dev), await epoch(dev)];
    await dev.stack.removeConfig("redis-cluster:hosts.app-3", true);
    let said = "";
    const up = async () => {
      said = (await dev.stack.up({ color: "never" })).stdout;
    };
    expect(await fewestSentinelsDuring(up)).toBe(3);
    expect(said).toMatch(/app-3: handed over to 10\.77\.\d+\.1[123]:6389; stopped for good/);
    expect(await identities(dev)).toEqual(after);
    expect(hosts).toContain(await namedMaster(dev));
    expect(await epoch(dev)).toBe(oldEpoch + 1);
  });
  for (const host of hosts) {
    expect(await monitored(dev, host, "num-slaves")).toBe("2");
    expect(await nodeSetting(host, "min-replicas-to-write")).toBe("1");
  }
  expect(on("app-3", "ls /etc/redis-cluster /usr/local/lib/redis-cluster 2>&1 || true")).toMatch(
    /cannot access[^]*cannot access/,
  );
  const { summary } = await dev.stack.up();
  expect(changes(summary.resourceChanges)).toEqual({});
});

const passphrase = () => ({ PULUMI_CONFIG_PASSPHRASE_FILE: join(dev.directory, "passphrase") });

const select = (stackName: string) =>
  automation.LocalWorkspace.selectStack(
    { stackName, workDir: dev.directory },
    { envVars: passphrase() },
  );

/** What root goes by on every host, and when it was touched; the daemons write beside it. */
const written = () =>
  hosts.map((host) =>
    on(
      host,
      "find /etc/redis-cluster/managed /usr/local/lib/redis-cluster /etc/systemd/system -printf '%p %T@ %C@ %i\\n' | sort",
    ),
  );

it("refuses a copied stack, whichever names and passwords it has: nothing is written, its destroy takes nothing", async () => {
  const pulumi = (...args: string[]) =>
    execFileSync("pulumi", [...args, "--non-interactive"], {
      cwd: dev.directory,
      env: { ...process.env, ...passphrase() },
      stdio: ["ignore", "ignore", "pipe"],
    });
  pulumi("stack", "init", "other", "--copy-config-from", "dev");
  const other = { ...dev, stack: await select("other") };
  const before = [await identities(dev), ...written()];
  const refusal =
    /\[(app-1|app-2|console)\]: error: this host belongs to redis-cluster\/dev; expected one that/;
  expect(await failedUp(other)).toMatch(refusal);
  await other.stack.setConfig("redis-cluster:masterName", { value: masterName });
  for (const name of Object.keys(dev.passwords)) {
    const value = `other-${name}`.padEnd(40, "x");
    await other.stack.setConfig(`redis-cluster:${name}Password`, { value, secret: true });
  }
  expect(await failedUp(other)).toMatch(refusal);
  await other.stack.destroy();
  expect([await identities(dev), ...written()]).toEqual(before);
  pulumi("stack", "rm", "other", "--yes");
});

it("refuses a renamed stack until it consents; then the group is kept, and its master's name", async () => {
  await dev.stack.rename({ stackName: "prod" });
  dev = { ...dev, stack: await select("prod") };
  const [before, files] = [await identities(dev), written()];
  const consent = "redis-cluster/dev to redis-cluster/prod";
  await losingNothing(
    dev,
    async () => {
      await expect(dev.stack.preview()).rejects.toThrow(
        `pulumi config set masterName ${masterName}`,
      );
      await set("masterName", masterName);
      expect(await failedUp(dev)).toContain(`pulumi config set renamed '${consent}'`);
      expect(written()).toEqual(files);
      await set("renamed", consent);
      const { outputs } = await dev.stack.up();
      expect(outputs.masterName.value).toBe(masterName);
    },
    { masterName },
  );
  expect(await identities(dev)).toEqual(before);
  for (const host of hosts)
    expect(on(host, "cat /usr/local/lib/redis-cluster/owner")).toBe("redis-cluster/prod");
});

it("one that saves: by its timer under writes, proven, in a second place too; what was destroyed comes back from there, and no more", async () => {
  const program = "/usr/local/lib/redis-cluster/redis-cluster";
  const saved = "/var/lib/redis-cluster-backup";
  const before = await identities(dev);
  const replica = hosts.find((host) => host.startsWith("app-")) as string;
  let vault = { repository: "", key: "" };
  await losingNothing(
    dev,
    async () => {
      await set("backup.hosts[0]", replica);
      await set("backup.keep", "2");
      await set("backup.drill", "1");
      await set("backup.onCalendar", "*-*-* *:*:0/5");
      vault = await openVault(dev);
      expect(await previewedClasses()).toEqual([]);
      await dev.stack.up();
      const proven = `for i in {1..60}; do ${program} backups 2>/dev/null | grep -q "^sftp:.* old, .* there proven " && exit; sleep 1; done`;
      const why = `${program} backups >&2; journalctl -u redis-cluster-backup -n 30 -o cat >&2; exit 1`;
      await meanwhileOn(replica, `bash -c '${proven}; ${why}'`);
      expect((await dev.stack.preview({ expectNoChanges: true })).stdout).toContain("unchanged");
    },
    { masterName },
  );
  expect(await identities(dev)).toEqual(before);
  on(replica, "systemctl stop redis-cluster-backup.timer redis-cluster-backup");
  expect(on(replica, `${program} drift`)).toBe(
    `${replica} redis-cluster-backup.timer: wanted active, seen inactive`,
  );

  const master = { host: (await namedMaster(dev))!, daemon: "node" } as const;
  const fill = "for i = 1, 1000 do redis.call('SET', 'saved' .. i, i) end";
  await ask(dev, master, "EVAL", fill, "0");
  await ask(dev, master, "WAIT", "2", "5000");
  on(replica, "systemctl start redis-cluster-backup");
  await ask(dev, master, "SET", "later", "lost");
  const name = on(replica, `ls ${saved} | grep ^2 | tail -n 1`);
  const newest = `${saved}/${name}`;
  // From the second place, and by hand, as before a restore.
  expect(on(replica, `${program} fetch-backup`).split(" ")).toContain(name);
  on(replica, `rm -r ${newest}; ${program} fetch-backup ${name}`);
  on(replica, `sudo -u redis ${program} prove-backup ${name}`);
  const { keys } = JSON.parse(on(replica, `cat ${newest}/manifest.json`)) as {
    keys: { db0: number };
  };
  expect(on(replica, "journalctl -o cat -u redis-cluster-backup")).not.toContain(resticPassword);
  expect(stateFiles().join("")).not.toContain(resticPassword);

  // A dead one: what is saved here is safe, and the node goes on.
  lab("cut", "bastion");
  expect(() => on(replica, "systemctl start redis-cluster-backup")).toThrow();
  lab("heal", "bastion");
  expect(on(replica, `ls ${saved} | grep ^2 | tail -n 1`) > name).toBe(true);
  expect(on(replica, `${program} backups`)).toMatch(
    new RegExp(
      `\n${vault.repository}/${replica}: ${name} .* old, .* there proven .*, THE LAST COPY FAILED .*`,
    ),
  );

  await dev.stack.destroy();
  expect(on(replica, "ls /etc/systemd/system | grep -c redis-cluster || :")).toBe("0");
  for (const host of hosts) on(host, "mv /var/lib/redis-cluster /var/lib/redis-cluster.before");
  // As where nothing is left: by restic alone, with the key that the operator has.
  on(replica, `rm -r ${saved}; install -m 600 /dev/stdin /root/key <<<"${vault.key}"`);
  const ssh = `ssh -i /root/key -o StrictHostKeyChecking=no vault@${address("bastion")} -s sftp`;
  const restic = `RESTIC_PASSWORD=${resticPassword} restic -o sftp.command="${ssh}" -r ${vault.repository}/${replica}`;
  on(replica, `mkdir /var/lib/redis-cluster`);
  on(replica, `${restic} dump latest ${newest}/dump.rdb >/var/lib/redis-cluster/dump.rdb`);
  expect(await failedUp(dev)).toContain("convert");
  on(replica, `${program} convert dump.rdb`);
  await dev.stack.up();
  await untilWhole();
  for (const host of hosts) {
    const node = { host, daemon: "node" } as const;
    expect(await ask(dev, node, "DBSIZE")).toBe(keys.db0);
    expect(await ask(dev, node, "GET", "saved1000")).toBe("1000");
    expect(await ask(dev, node, "EXISTS", "later")).toBe(0);
  }
});
