import { execFileSync } from "child_process";
import { join } from "path";
import { setTimeout as sleep } from "timers/promises";
import {
  address,
  ask,
  changes,
  eventually,
  everyNodeHas,
  failedUp,
  hosts,
  identities,
  info,
  lab,
  losingNothing,
  masterName,
  meanwhileOn,
  namedMaster,
  nothingLost,
  on,
  openStack,
  Stack,
  stateFiles,
  top,
  untilWhole,
  writerOn,
} from "../helpers/lab";
import { sshKey } from "../helpers/sshKey";
import { Writer } from "../writer";

// A first deployment of the committed dev stack, and what must not happen afterwards. The cases build on
// each other, as an operator's days do.

let dev: Stack;
let legacy: string;

const legacyIdentity = () =>
  on("console", "systemctl show -p MainPID --value redis-server; redis-cli -p 6379 DBSIZE");
const replicas = (master: string) => hosts.filter((host) => host !== master);

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  legacy = legacyIdentity();
});

/** Runs it while an application writes: no daemon restarts, no role moves, nothing is lost. */
async function unchanged(what: () => Promise<unknown>): Promise<void> {
  const before = await identities(dev);
  const master = await namedMaster(dev);
  await losingNothing(dev, what);
  expect(await identities(dev)).toEqual(before);
  expect(await namedMaster(dev)).toBe(master);
  expect(await ask(dev, { host: master!, daemon: "node" }, "GET", "kept")).toBe("value");
}

it("has its host keys collected by a command, with the fingerprints to compare", () => {
  const printed = execFileSync(join(top, "ops", "host-keys"), ["--stack", "dev"], {
    cwd: dev.directory,
    env: { ...process.env, PULUMI_CONFIG_PASSPHRASE_FILE: join(dev.directory, "passphrase") },
    encoding: "utf8",
  });
  for (const host of hosts) {
    const key = on(host, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub");
    const fingerprint = on(host, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split(" ")[1];
    expect(printed).toContain(`# hosts.${host}: ${fingerprint}\n`);
    expect(printed).toContain(
      `pulumi config set --stack dev --path 'hosts.${host}.hostKey' '${key}'\n`,
    );
  }
});

it("brings the group up, also where the package database is held, redis may not enter TMPDIR, and logins are limited", async () => {
  lab("trouble", "app-2", "dpkg-lock", "20");
  lab("trouble", "app-1", "tmpdir");
  lab("trouble", "console", "ssh-limit", "5", "12");
  const { summary, stdout } = await dev.stack.up();
  expect(on("app-2", "systemctl is-active lab-dpkg-lock || true")).toBe("inactive");
  await eventually("a login for this test", 20, () =>
    on("console", "nft delete table inet lab_ssh_limit").includes(""),
  );
  expect(summary.result).toBe("succeeded");
  expect(await namedMaster(dev)).toBe("console");
  for (const secret of [...Object.values(dev.passwords), dev.sshPrivateKey.trim()]) {
    expect(stdout).not.toContain(secret);
  }
});

it("enables both units, composed files readable by redis alone, directories as documented", () => {
  for (const host of hosts) {
    expect(on(host, "systemctl is-enabled redis-cluster redis-sentinel")).toBe("enabled\nenabled");
    expect(on(host, "systemctl is-active redis-cluster redis-sentinel")).toBe("active\nactive");
    expect(
      on(
        host,
        "cd /etc/redis-cluster && stat -c '%n %U:%G %a' . redis-cluster.conf redis-sentinel.conf managed managed/staged managed/staged/secrets",
      ).split("\n"),
    ).toEqual([
      ". root:redis 1770",
      "redis-cluster.conf redis:redis 600",
      "redis-sentinel.conf redis:redis 600",
      "managed root:redis 750",
      "managed/staged root:redis 750",
      "managed/staged/secrets root:redis 640",
    ]);
    expect(on(host, "ls /var/log/redis-cluster /run/redis-cluster").split("\n")).toEqual(
      expect.arrayContaining(["redis-cluster.log", "redis-sentinel.log", "node", "sentinel"]),
    );
  }
});

it("has its logs rotated, and both daemons go on in new ones", async () => {
  on("app-2", "logrotate --force /etc/logrotate.d/redis-cluster");
  const there = "ls -l /var/log/redis-cluster | awk 'NR > 1 { print $9, $3, $1 }'";
  const old = on("app-2", there);
  expect(old).toContain("redis-cluster.log.1 redis -rw-------");
  expect(old).toContain("redis-sentinel.log.1 redis -rw-------");
  await ask(dev, { host: "app-2", daemon: "node", username: "operator" }, "BGSAVE");
  await eventually("the node's new log is there", 20, () =>
    /^redis-cluster.log redis/m.test(on("app-2", there)),
  );
});

it("replicates: what is written on the master is read on both replicas", async () => {
  const master = { host: "console", daemon: "node", username: "application" } as const;
  await ask(dev, master, "SET", "kept", "value");
  expect(await ask(dev, master, "WAIT", "2", "2000")).toBe(2);
  for (const host of replicas("console")) {
    expect(await ask(dev, { ...master, host }, "GET", "kept")).toBe("value");
    expect(await info(dev, { host, daemon: "node" }, "replication")).toMatchObject({
      role: "slave",
      master_host: address("console"),
      master_link_status: "up",
    });
  }
});

it("has three sentinels that see two replicas and each other", async () => {
  for (const host of hosts) {
    const { master0 } = await info(dev, { host, daemon: "sentinel" }, "sentinel");
    expect(master0).toBe(
      `name=${masterName},status=ok,address=${address("console")}:6389,slaves=2,sentinels=3`,
    );
  }
});

it("announces private addresses only", async () => {
  for (const host of hosts) {
    const others = (await ask(
      dev,
      { host, daemon: "sentinel" },
      "SENTINEL",
      "SENTINELS",
      masterName,
    )) as string[][];
    const known = others.map((fields) => fields[fields.indexOf("ip") + 1]);
    expect(known.sort()).toEqual(replicas(host).map(address).sort());
  }
});

it("keeps secrets out of the plain state, the previews and the processes' arguments", async () => {
  const { stdout } = await dev.stack.preview({ diff: true });
  const states = stateFiles();
  expect(states.length).toBeGreaterThan(0);
  const written = [stdout, ...states];
  for (const host of hosts) {
    written.push(on(host, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; journalctl --no-pager -q"));
  }
  for (const secret of [...Object.values(dev.passwords), dev.sshPrivateKey.trim().split("\n")[2]]) {
    expect(written.some((text) => text.includes(secret))).toBe(false);
  }
});

it("leaves the distribution's own Redis as it was, and off where there was none", () => {
  expect(legacyIdentity()).toBe(legacy);
  expect(on("console", "systemctl is-enabled redis-server")).toBe("enabled");
  // The lab installs an older package there than the newest that apt knows.
  const versions = on("console", "apt-cache policy redis-server | sed -n 's/^  [IC][a-z]*: //p'");
  const [installed, candidate] = versions.split("\n");
  expect(installed).toMatch(/deb12u7$/);
  expect(candidate).not.toBe(installed);
  for (const host of ["app-1", "app-2"]) {
    expect(on(host, "systemctl is-active redis-server || true")).toBe("inactive");
    expect(on(host, "ss -Hltn 'sport = :6379'")).toBe("");
  }
});

it("changes and restarts nothing the second time", async () => {
  await unchanged(async () => {
    const { summary } = await dev.stack.up();
    expect(changes(summary.resourceChanges)).toEqual({});
  });
});

it("previews without a route to the hosts, each file's change as a readable diff", async () => {
  await dev.stack.setConfig("redis-cluster:redis.maxmemory", { value: "64mb" }, true);
  try {
    const preview = execFileSync(
      "unshare",
      [
        "--net",
        "sh",
        "-c",
        "ip link set lo up && exec pulumi preview --diff --non-interactive --stack dev",
      ],
      {
        cwd: dev.directory,
        encoding: "utf8",
        env: { ...process.env, PULUMI_CONFIG_PASSPHRASE_FILE: join(dev.directory, "passphrase") },
      },
    );
    expect(preview).toMatch(/- maxmemory 0\b/);
    expect(preview).toMatch(/\+ maxmemory 64mb/);
    expect(preview).toContain("app-1-node-install");
  } finally {
    await dev.stack.removeConfig("redis-cluster:redis.maxmemory", true);
    await dev.stack.removeConfig("redis-cluster:redis");
  }
});

it("fails over when the master hangs, and takes the old master back as a replica", async () => {
  const writer = await writerOn(dev);
  // A hanging process: a stop on purpose would hand over first.
  await meanwhileOn("console", "systemctl kill --kill-who=main --signal=STOP redis-cluster");
  await eventually("a replica is promoted", 30, async () => {
    const master = await namedMaster(dev);
    return master !== undefined && master !== "console";
  });
  const master = (await namedMaster(dev))!;
  await eventually("one replica follows", 20, async () => {
    const { role, connected_slaves } = await info(
      dev,
      { host: master, daemon: "node" },
      "replication",
    );
    return role === "master" && connected_slaves === "1";
  });
  await eventually("every sentinel has switched", 10, async () => {
    const log = "/var/log/redis-cluster/redis-sentinel.log";
    const logs = await Promise.all(
      hosts.map((host) => meanwhileOn(host, `grep -c +switch-master ${log}`)),
    );
    return logs.every((count) => count === "1");
  });
  const log = on("app-1", "cat /var/log/redis-cluster/redis-sentinel.log");
  for (const event of ["+sdown master", "+switch-master"]) expect(log).toContain(event);
  expect(
    hosts
      .map((host) => on(host, "grep -h +odown /var/log/redis-cluster/redis-sentinel.log || true"))
      .join(),
  ).toContain("#quorum 2/2");
  await meanwhileOn("console", "systemctl kill --kill-who=main --signal=CONT redis-cluster");
  await untilWhole();
  await nothingLost(writer);
  expect(await info(dev, { host: "console", daemon: "node" }, "replication")).toMatchObject({
    role: "slave",
    master_link_status: "up",
  });
});

it("shows no change for a failover and moves nothing back; a refresh brings in the new master", async () => {
  const master = (await namedMaster(dev))!;
  const { changeSummary } = await dev.stack.preview();
  expect(changes(changeSummary)).toEqual({});
  await unchanged(async () => {
    const { summary } = await dev.stack.up();
    expect(changes(summary.resourceChanges)).toEqual({});
  });
  await dev.stack.refresh();
  await unchanged(async () => {
    const { summary, outputs } = await dev.stack.up();
    expect(changes(summary.resourceChanges)).toEqual({});
    expect(outputs.currentMaster.value).toEqual({ name: master, address: address(master) });
  });
});

describe("an operator's accidents change nothing that runs", () => {
  it("a rotated SSH key", async () => {
    const rotated = sshKey({ comment: "rotated" });
    for (const host of hosts) {
      on(host, `echo '${rotated.public}' > ~deploy/.ssh/authorized_keys2`);
    }
    await unchanged(async () => {
      await dev.stack.setConfig("redis-cluster:sshPrivateKey", {
        value: rotated.private,
        secret: true,
      });
      const { summary } = await dev.stack.up();
      expect(summary.resourceChanges?.update).toBeGreaterThanOrEqual(8 * hosts.length);
    });
  });

  it("--replace of each resource of a host and of the group in turn, then of all at once", async () => {
    const state = (await dev.stack.exportStack()) as {
      deployment: { resources: { urn: string; custom: boolean }[] };
    };
    const urns = state.deployment.resources
      .filter(({ custom, urn }) => custom && !urn.includes("pulumi:providers"))
      .map(({ urn }) => urn);
    const ofOneHost = urns.filter((urn) =>
      /::app-1-|::(change-classes|sentinel-quorum|host-drift|bootstrap)$/.test(urn),
    );
    expect(ofOneHost.length).toBe(13);
    await unchanged(async () => {
      for (const replace of [...ofOneHost.map((urn) => [urn]), urns]) {
        const { summary } = await dev.stack.up({ replace });
        expect(summary.resourceChanges?.replace).toBe(replace.length);
      }
    });
  });

  it("a lost state file", async () => {
    await unchanged(async () => {
      await dev.stack.workspace.removeStack("dev", { force: true, preserveConfig: true });
      await dev.stack.workspace.createStack("dev");
      const { summary } = await dev.stack.up();
      expect(summary.resourceChanges?.create).toBeGreaterThan(30);
    });
  });
});

describe("destroy", () => {
  let lastMaster: string;
  let writer: Writer;
  const ours =
    "ls -d /etc/systemd/system/redis-* /etc/redis-cluster /usr/local/lib/redis-cluster 2>/dev/null || true";

  it("stops sentinels, then nodes, and keeps the data", async () => {
    lastMaster = (await namedMaster(dev))!;
    writer = await writerOn(dev);
    await sleep(2000);
    await writer.rest();
    await dev.stack.destroy();
    for (const host of hosts) {
      expect(on(host, ours)).toBe(
        host === "console" ? "" : "/etc/systemd/system/redis-server.service",
      );
      expect(on(host, "ss -Hltn 'sport = :6389 or sport = :26389'")).toBe("");
      expect(on(host, "ls /var/lib/redis-cluster/appendonlydir")).toContain("manifest");
      const stopped = on(
        host,
        "journalctl -q -o short-unix --no-pager -u redis-cluster -u redis-sentinel | grep Stopped | tail -n 2",
      );
      expect(stopped).toMatch(/Stopped redis-sentinel[^]*\n.*Stopped redis-cluster/);
    }
    expect(legacyIdentity()).toBe(legacy);
  });

  it("starts nothing of ours after a reboot; the legacy Redis comes back with its data", () => {
    lab("reboot", "console");
    expect(on("console", "ss -Hltn 'sport = :6389 or sport = :26389'")).toBe("");
    expect(on("console", "redis-cli -p 6379 DBSIZE")).toBe(legacy.split("\n")[1]);
  });

  it("lets a new deployment begin with the data of the last master", async () => {
    await dev.stack.up();
    await nothingLost(writer);
    expect(await namedMaster(dev)).toBe(lastMaster);
    expect(await ask(dev, { host: lastMaster, daemon: "node" }, "GET", "kept")).toBe("value");
  });

  it("takes the data too when asked to", async () => {
    await dev.stack.setConfig("redis-cluster:deleteData", { value: "true" });
    await dev.stack.up();
    const [, volume] = hosts;
    on(volume, "mount --bind /var/lib/redis-cluster /var/lib/redis-cluster");
    await dev.stack.destroy();
    // A volume of its own stays, empty.
    expect(on(volume, "findmnt -n -o TARGET /var/lib/redis-cluster")).toBe(
      "/var/lib/redis-cluster",
    );
    on(volume, "umount /var/lib/redis-cluster; rmdir /var/lib/redis-cluster");
    for (const host of hosts) expect(on(host, "ls -d /var/lib/redis-cluster || true")).toBe("");
  });

  it("an RDB in a host's data directory is not started over: every `up` says so, until Redis has made an AOF of it", async () => {
    const program = "/usr/local/lib/redis-cluster/redis-cluster";
    on(
      "app-1",
      `install -d -o redis -g redis /var/lib/redis-cluster && cd "$(mktemp -d)" &&
       redis-server --port 0 --unixsocket "$PWD/socket" --daemonize yes >/dev/null && sleep 1 &&
       redis-cli -s socket EVAL "for i = 1, 1000 do redis.call('set', 'key' .. i, i) end" 0 &&
       redis-cli -s socket SAVE && redis-cli -s socket SHUTDOWN NOSAVE && install dump.rdb /var/lib/redis-cluster/`,
    );
    for (let run = 0; run < 2; run++) {
      expect(await failedUp(dev)).toContain("data on app-1 that this configuration would not load");
      for (const host of hosts) expect(on(host, "ss -Hltn 'sport = :6389'")).toBe("");
    }
    expect(on("app-1", `${program} convert`)).toBe("dump.rdb");
    on("app-1", `${program} convert dump.rdb`);
    await dev.stack.up();
    await untilWhole();
    expect(await namedMaster(dev)).toBe("app-1");
    await everyNodeHas(dev, 1000);
  });
});
