import { automation } from "@pulumi/pulumi";
import { execFileSync } from "child_process";
import { createHash } from "crypto";
import { connect } from "net";
import { join } from "path";
import Redis from "ioredis";
import { ExecRecord, recordExecs } from "../helpers/execRecord";
import { held, hold, installHolds, release } from "../helpers/holds";
import {
  address,
  ask,
  changes,
  eventually,
  failedUp,
  hosts,
  identities,
  lab,
  losingNothing,
  meanwhileOn,
  namedMaster,
  nodePort,
  nothingLost,
  on,
  openStack,
  sentinelPort,
  Stack,
  stateFiles,
  untilWhole,
  writerOn,
} from "../helpers/lab";

// Who may do what: every password is changed while clients write, users, the firewall, and no secret anywhere.

let dev: Stack;
let execs: ExecRecord;
const printed: string[] = [];
const secrets = new Set<string>();
const all = ["application", "replication", "sentinel", "operator", "monitoring"] as const;
type User = (typeof all)[number];
const fresh = (user: User) => `next-${user}-`.padEnd(48, "0123456789");

/** On standard input, as the documentation has it: the Automation API would put it into an argument. */
function setSecret(key: string, value: string): void {
  secrets.add(value);
  execFileSync("pulumi", ["config", "set", "--stack", "dev", "--secret", `redis-cluster:${key}`], {
    cwd: dev.directory,
    input: value,
    env: { ...process.env, PULUMI_CONFIG_PASSPHRASE_FILE: join(dev.directory, "passphrase") },
  });
}

async function logsIn(port: number, user: string, password: string): Promise<boolean[]> {
  return Promise.all(
    hosts.map(async (host) => {
      const redis = new Redis({
        host: address(host),
        port,
        username: user,
        password,
        lazyConnect: true,
        enableReadyCheck: false,
        disableClientInfo: true,
        retryStrategy: () => null,
      });
      redis.on("error", () => undefined);
      try {
        await redis.connect();
        // A refused login shows in the reply to the first command.
        await redis.call("PING");
        return true;
      } catch (error) {
        return (error as Error).message.startsWith("NOPERM");
      } finally {
        redis.disconnect();
      }
    }),
  );
}

/** Logins that a daemon refused, except those that this file provokes itself. */
async function refusedLogins(): Promise<string[]> {
  const found: string[] = [];
  for (const host of hosts) {
    for (const daemon of ["node", "sentinel"] as const) {
      for (const entry of (await ask(dev, { host, daemon }, "ACL", "LOG")) as string[][]) {
        const field = (name: string) => entry[entry.indexOf(name) + 1];
        found.push(`${host} ${daemon}: ${field("reason")} ${field("username")} ${field("object")}`);
      }
    }
  }
  return found;
}

/** Every connection between the members has to be made, and logged in, anew. */
async function killLinks(): Promise<void> {
  for (const host of hosts) {
    for (const type of ["replica", "normal", "pubsub", "master"]) {
      await ask(dev, { host, daemon: "node" }, "CLIENT", "KILL", "TYPE", type).catch(
        () => undefined,
      );
    }
    await ask(dev, { host, daemon: "sentinel" }, "CLIENT", "KILL", "TYPE", "normal").catch(
      () => undefined,
    );
  }
}

/** `pulumi up`, with what it prints kept for the last case. */
async function up(): Promise<automation.UpResult> {
  const result = await dev.stack.up();
  printed.push(result.stdout, result.stderr);
  return result;
}

beforeAll(async () => {
  lab("up");
  execs = await recordExecs();
  dev = await openStack("dev");
  for (const secret of [...Object.values(dev.passwords), dev.sshPrivateKey]) secrets.add(secret);
  await up();
});

it("a password that would be lost at once is refused, and everything goes on", async () => {
  const before = await identities(dev);
  setSecret("replicationPassword", fresh("replication"));
  expect(await failedUp(dev)).toContain("pulumi config set --secret replicationPreviousPassword");
  expect(await identities(dev)).toEqual(before);
  await untilWhole();
});

it("new passwords are taken by everybody, with a failover half-way: no restart, no refused login", async () => {
  const old = { ...dev.passwords };
  const started = await identities(dev);
  const writer = await writerOn(dev);
  try {
    for (const user of all) {
      setSecret(`${user}Password`, fresh(user));
      setSecret(`${user}PreviousPassword`, old[user]);
    }
    // One host logs in with the new ones already, two with the old, when every link is made anew.
    const step = { host: "app-2", verb: "node-roll", point: "before" } as const;
    installHolds(step.host);
    await hold(step);
    const rotated = up();
    await held(step);
    const before = (await namedMaster(dev))!;
    await meanwhileOn(before, "systemctl restart redis-cluster");
    await killLinks();
    await untilWhole();
    expect(await namedMaster(dev)).not.toBe(before);
    await release(step);
    await rotated;
    const after = await identities(dev);
    const others = (ids: Record<string, string>) => ({ ...ids, [`${before} node`]: "" });
    expect(others(after)).toEqual(others(started));
    dev = await openStack("dev");
    expect(await refusedLogins()).toEqual([]);
    for (const password of [old.application, fresh("application")]) {
      expect(await logsIn(nodePort, "application", password)).toEqual([true, true, true]);
      expect(await logsIn(sentinelPort, "application", password)).toEqual([true, true, true]);
    }
    await killLinks();
    const master = (await namedMaster(dev))!;
    await meanwhileOn(master, "systemctl restart redis-cluster");
    await untilWhole();
    expect(await namedMaster(dev)).not.toBe(master);
    expect(await refusedLogins()).toEqual([]);
    const { summary } = await up();
    expect(changes(summary.resourceChanges)).toEqual({});
  } finally {
    await nothingLost(writer);
  }
});

it("the old ones are not taken away while a client is connected that came before the new", async () => {
  const old = await new Promise<Redis>((resolve) => {
    const redis = new Redis({
      host: address("app-1"),
      port: nodePort,
      username: "application",
      password: dev.passwords.application,
      disableClientInfo: true,
    });
    redis.on("ready", () => resolve(redis));
  });
  await new Promise((done) => setTimeout(done, 2100));
  setSecret("applicationPassword", "the third one");
  setSecret("applicationPreviousPassword", dev.passwords.application);
  for (const user of all.slice(1)) {
    await dev.stack.removeConfig(`redis-cluster:${user}PreviousPassword`);
  }
  await up();
  await dev.stack.removeConfig("redis-cluster:applicationPreviousPassword");
  try {
    expect(await failedUp(dev)).toMatch(
      /clients at .* are connected as application with a password/,
    );
    expect(await old.ping()).toBe("PONG");
  } finally {
    old.disconnect();
  }
});

it("the old ones are taken away once nobody uses them: no restart, no refused login", async () => {
  const before = await identities(dev);
  dev = await openStack("dev");
  await losingNothing(dev, async () => {
    await up();
    expect(await identities(dev)).toEqual(before);
    expect(await refusedLogins()).toEqual([]);
    await killLinks();
    await untilWhole();
    expect(await refusedLogins()).toEqual([]);
  });
  for (const port of [nodePort, sentinelPort]) {
    expect(await logsIn(port, "application", fresh("application"))).toEqual([false, false, false]);
    expect(await logsIn(port, "application", "the third one")).toEqual([true, true, true]);
  }
});

it("a user of the stack's own gets its rights everywhere, and no other's", async () => {
  const before = await identities(dev);
  await dev.stack.setAllConfig(
    {
      "redis-cluster:users.application.channels[0]": { value: "*" },
      "redis-cluster:users.reports.keys[0]": { value: "reports:*" },
      "redis-cluster:users.reports.commands[0]": { value: "+@read" },
    },
    true,
  );
  setSecret("reportsPassword", `quotes " and ' and ü 日本`);
  await up();
  expect(await identities(dev)).toEqual(before);
  expect(await logsIn(nodePort, "reports", `quotes " and ' and ü 日本`)).toEqual([
    true,
    true,
    true,
  ]);
  const outputs = await dev.stack.outputs();
  expect(outputs.credentials.secret).toBe(true);
  expect((outputs.credentials.value as Record<string, unknown>).reports).toEqual({
    username: "reports",
    password: `quotes " and ' and ü 日本`,
  });
  const redis = new Redis({
    host: address("app-1"),
    port: nodePort,
    username: "reports",
    password: `quotes " and ' and ü 日本`,
    enableReadyCheck: false,
    disableClientInfo: true,
  });
  try {
    expect(await redis.get("reports:1")).toBeNull();
    await expect(redis.get("other")).rejects.toThrow("NOPERM");
    await expect(redis.set("reports:1", "x")).rejects.toThrow("NOPERM");
  } finally {
    redis.disconnect();
  }
  expect(on("app-1", "grep -rl 'ü 日本' /etc/redis-cluster || true")).toBe("");
});

it("a firewall lets in the members and the networks of the stack, and leaves other ports alone, whoever flushes all rules", async () => {
  const before = await identities(dev);
  const rules = "nft list ruleset | grep -c 'table inet redis_cluster' || true";
  const reaches = (port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, address("app-1"));
      // What is dropped is not answered.
      socket.setTimeout(3000, () => socket.destroy());
      socket.once("connect", () => resolve(true)).once("close", () => resolve(false));
      socket.once("error", () => null).once("connect", () => socket.destroy());
    });
  await dev.stack.setConfig("redis-cluster:firewall.allow[0]", { value: "192.0.2.0/24" }, true);
  await up();
  expect([await reaches(nodePort), await reaches(sentinelPort), await reaches(22)]).toEqual([
    false,
    false,
    true,
  ]);
  on(
    "app-1",
    "systemctl restart redis-cluster-firewall && systemctl is-enabled redis-cluster-firewall",
  );
  expect(await reaches(nodePort)).toBe(false);
  // The last as fail2ban and many a hand do, and often.
  for (const flush of ["start", "restart", "reload"].map((verb) => `systemctl ${verb} nftables`)) {
    on("app-1", flush);
    await eventually(`rules after ${flush}`, 5, () => on("app-1", rules) === "1");
  }
  // Again while the last is being put right, and what is left of ours without a rule.
  const emptied = "nft flush table inet redis_cluster";
  for (const first of ["nft flush ruleset", emptied, "systemctl restart redis-cluster-firewall"]) {
    for (const pause of ["0", "0.01", "0.03", "0.06", "0.1", "0.2"]) {
      on(
        "app-1",
        `${first}; sleep ${pause}; nft flush ruleset; sleep ${pause}; ${emptied} || true`,
      );
      await eventually(
        `rules after ${first} and ${pause} s`,
        5,
        async () => !(await reaches(nodePort)),
      );
    }
  }
  expect(await reaches(22)).toBe(true);
  expect([await reaches(nodePort), await reaches(22)]).toEqual([false, true]);
  expect(on("app-1", "systemctl is-active redis-cluster-firewall")).toBe("active");
  const own = on("app-1", "echo $SSH_CONNECTION").split(" ")[0] || "10.77.0.1";
  await dev.stack.setConfig("redis-cluster:firewall.allow[1]", { value: `${own}/32` }, true);
  await up();
  expect([await reaches(nodePort), await reaches(sentinelPort)]).toEqual([true, true]);
  expect(await identities(dev)).toEqual(before);
  await dev.stack.removeConfig("redis-cluster:firewall");
  await up();
  expect(on("app-1", rules)).toBe("0");
  expect(on("app-1", "ls /etc/systemd/system | grep firewall || true")).toBe("");
  await untilWhole();
});

// What it provokes would be among the refused logins that cases above count.
it("lets nobody in without a password, and each user only where it belongs", async () => {
  const nobody = { ...dev, passwords: { ...dev.passwords, default: "" } } as Stack;
  for (const daemon of ["node", "sentinel"] as const) {
    const asked = { host: "app-1", daemon };
    await expect(ask(nobody, { ...asked, username: "default" }, "PING")).rejects.toThrow(
      /WRONGPASS|NOAUTH/,
    );
    await expect(ask(dev, { ...asked, username: "application" }, "ACL", "LIST")).rejects.toThrow(
      "NOPERM",
    );
    await expect(ask(dev, { ...asked, username: "sentinel" }, "ACL", "LIST")).rejects.toThrow(
      "NOPERM",
    );
  }
  await expect(
    ask(dev, { host: "console", daemon: "node", username: "replication" }, "GET", "any"),
  ).rejects.toThrow("NOPERM");
});

it("the units' exposure is at most 1.5, by systemd's own measure", () => {
  for (const unit of ["redis-cluster", "redis-sentinel"]) {
    const said = on("app-1", `systemd-analyze security --no-pager ${unit} | tail -n 1`);
    const [, exposure] = /: ([\d.]+) OK/.exec(said) ?? [];
    expect(Number(exposure)).toBeLessThanOrEqual(1.5);
  }
});

it("no secret was in any process's arguments, nor is in journals, logs, the state, or what was printed", async () => {
  printed.push((await dev.stack.preview({ diff: true })).stdout);
  printed.push(...stateFiles());
  for (const host of hosts) {
    printed.push(
      on(host, "journalctl --no-pager -q; cat /var/log/redis-cluster/*; ls -R /etc/redis-cluster"),
    );
  }
  const seen = await execs.stop();
  expect(seen.some((words) => words.includes("sentinel-roll"))).toBe(true);
  for (const words of seen) printed.push(words.join(" "));
  expect(stateFiles().join()).toContain('"ciphertext"');
  for (const secret of secrets) {
    const [line] = secret.startsWith("-----BEGIN") ? [secret.split("\n")[2]] : [secret];
    expect(printed.filter((text) => text.includes(line)).map((text) => text.slice(0, 200))).toEqual(
      [],
    );
    const hash = createHash("sha256").update(secret).digest("hex");
    expect(printed.filter((text) => text.includes(hash)).map((text) => text.slice(0, 200))).toEqual(
      [],
    );
  }
});
