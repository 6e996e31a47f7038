import { automation } from "@pulumi/pulumi";
import {
  address,
  ask,
  belongings,
  changes,
  eventually,
  failedUp,
  hosts,
  identities,
  lab,
  leftBeside,
  losingNothing,
  nothingLost,
  on,
  openBeside,
  openStack,
  Stack,
  top,
  writerOn,
} from "../helpers/lab";
import { hold, held, installHolds } from "../helpers/holds";
import { execFileSync, spawn } from "child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";

// The committed stage stack, reached through the bastion.

let stage: Stack;

function hostKey(host: string): string {
  const file = join(__dirname, "..", "..", "build", "lab", process.env.LAB_NAME ?? "dev", "hosts");
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${host} `));
  return line!.split(" ").slice(2).join(" ");
}

const setBastionKey = (value: string) =>
  stage.stack.setConfig("redis-cluster:ssh.bastion.hostKey", { value }, true);

/** A new agent that holds this key alone: its process id and its socket. */
async function agentWith(privateKey: string): Promise<[number, string]> {
  const socket = join(mkdtempSync(join(tmpdir(), "agent-")), "socket");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  await eventually("the agent listens", 5, () => existsSync(socket));
  agent.unref();
  execFileSync("ssh-add", ["-q", "-"], {
    // The configuration has lost the last line break, without which ssh-add takes no key.
    input: `${privateKey.trim()}\n`,
    env: { ...process.env, SSH_AUTH_SOCK: socket },
  });
  return [agent.pid!, socket];
}

/** The example in a directory below build/, so that its stack file leaves the tree as it is. */
function copyOfExample(): string {
  const directory = join(top, "build", "stack", "consumer");
  rmSync(directory, { recursive: true, force: true });
  cpSync(join(top, "examples", "consumer"), directory, { recursive: true });
  return directory;
}

beforeAll(async () => {
  lab("up");
  stage = await openStack("stage");
  await stage.stack.setConfig(
    "redis-cluster:ssh.bastion.host",
    { value: address("bastion") },
    true,
  );
  await stage.stack.setConfig("redis-cluster:deleteData", { value: "true" });
  for (const host of hosts)
    on(host, "journalctl --rotate -q && journalctl --vacuum-time=1s -q || true");
});

it("stops before it reaches a host when the bastion's key is another", async () => {
  await setBastionKey(hostKey("console"));
  expect(await failedUp(stage)).toMatch(/host key|mismatch/);
  for (const host of hosts) expect(on(host, "ls /usr/local/lib")).not.toContain("redis-cluster");
});

it("deploys stage's settings, every login and every question by way of the bastion", async () => {
  await setBastionKey(hostKey("bastion"));
  const { outputs } = await stage.stack.up();
  expect(outputs.masterName.value).toBe("redis-stage-cluster");
  expect(outputs.currentMaster.value).toEqual({ name: "console", address: address("console") });
  for (const host of hosts) {
    const logins = on(
      host,
      "journalctl -q --no-pager -u ssh | grep -o 'Accepted publickey for deploy from [0-9.]*' | sort | uniq -c",
    );
    const from = [...logins.matchAll(/([0-9]+) .* from ([0-9.]+)/g)];
    // One for each Command, and one of the providers' process; the others are this test's own.
    expect(Object.fromEntries(from.map(([, count, where]) => [where, count]))).toMatchObject({
      [address("bastion")]: "9",
    });
    expect(
      on(
        host,
        "grep -c 'sentinel monitor redis-stage-cluster' /etc/redis-cluster/redis-sentinel.conf",
      ),
    ).toBe("1");
  }
  await stage.stack.setConfig("redis-cluster:redis.hz", { value: "20" }, true);
  await losingNothing(stage, () => stage.stack.up());
});

it("hands applications what they need: the example finds the master through the sentinels", async () => {
  const directory = copyOfExample();
  // Of its own: the group's opens all secrets.
  const envVars = { PULUMI_CONFIG_PASSPHRASE: "consumer's" };
  const consumer = await automation.LocalWorkspace.createStack(
    { stackName: "stage", workDir: directory },
    { envVars },
  );
  await consumer.setConfig("consumer:group", { value: "organization/redis-cluster/stage" });
  await consumer.setConfig("consumer:password", {
    value: stage.passwords.application,
    secret: true,
  });
  const { outputs } = await consumer.up();
  expect(outputs.greeting.value).toBe("hello from the consumer stack");
  const node = { host: "console", daemon: "node" } as const;
  expect(await ask(stage, node, "GET", "consumer:greeting")).toBe(outputs.greeting.value);
});

it("a group with a name and ports of its own comes, changes and goes beside it, and none touches the other", async () => {
  const beside = await openBeside("dev");
  const [daemons, files] = [await identities(stage), belongings("redis-cluster")];
  const writer = await writerOn(stage);
  try {
    await beside.stack.setConfig("redis-cluster:nodePort", { value: "6389" });
    expect(await failedUp(beside)).toMatch(
      /port 6389 is that of another group on this host, by \/etc\/redis-cluster\/managed\/current\/redis\.conf/,
    );
    await beside.stack.setConfig("redis-cluster:nodePort", { value: "7389" });
    await beside.stack.up();
    await beside.stack.setConfig("redis-cluster:redis.tcp-backlog", { value: "400" }, true);
    await losingNothing(beside, () => beside.stack.up());
    const refreshed = await beside.stack.refresh();
    expect(changes(refreshed.summary.resourceChanges)).toEqual({});
    await beside.stack.destroy();
  } finally {
    expect((await nothingLost(writer)).failed).toBe(0);
  }
  expect(leftBeside()).toEqual([]);
  expect(await identities(stage)).toEqual(daemons);
  expect(belongings("redis-cluster")).toEqual(files);
});

it("a host that dies in the middle of a step ends the run, where both sshd are told to look for signs of life", async () => {
  const lost = { host: "app-1", verb: "node-start", point: "before" } as const;
  const configure = (host: string, line: string) =>
    on(host, `echo '${line}' >/etc/ssh/sshd_config.d/alive.conf && systemctl reload ssh`);
  for (const host of hosts) configure(host, "ClientAliveInterval 3");
  configure("bastion", "ChannelTimeout direct-tcpip=12s");
  installHolds(lost.host);
  await hold(lost);
  await stage.stack.setConfig("redis-cluster:redis.hz", { value: "21" }, true);
  const run = failedUp(stage);
  await held(lost);
  // A step that is silent for longer than that goes on, since its host gives a sign.
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  lab("kill", lost.host);
  const died = performance.now();
  expect(await run).toMatch(/app-1-node-start[^]*error: [^]*without exit status/);
  expect(performance.now() - died).toBeLessThan(60_000);
  lab("start", lost.host);
  await stage.stack.cancel();
  await stage.stack.up();
});

it("an SSH agent logs in instead of the key, no key is in the state, and it is taken away through the bastion, too", async () => {
  const [pid, socket] = await agentWith(stage.sshPrivateKey);
  process.env.SSH_AUTH_SOCK = socket;
  try {
    await stage.stack.removeConfig("redis-cluster:sshPrivateKey");
    await stage.stack.setConfig("redis-cluster:ssh.agent", { value: "true" }, true);
    await stage.stack.up();
    const state = (await stage.stack.exportStack()) as {
      deployment: { resources: { type?: string; inputs?: { connection?: object } }[] };
    };
    const { resources } = state.deployment;
    const connections = resources.flatMap(({ inputs }) => inputs?.connection ?? []);
    expect(connections.length).toBe(8 * hosts.length);
    expect(JSON.stringify(connections)).not.toContain("privateKey");
    const programs = resources.filter(({ type }) => type?.endsWith(":Program"));
    expect(programs).toHaveLength(hosts.length);
    expect(JSON.stringify(programs)).not.toContain("privateKey");
    await stage.stack.refresh();
    await stage.stack.destroy();
  } finally {
    delete process.env.SSH_AUTH_SOCK;
    process.kill(pid);
  }
  for (const host of hosts) {
    expect(on(host, "ss -Hltn 'sport = :6389 or sport = :26389'")).toBe("");
  }
});
