import { automation } from "@pulumi/pulumi";
import { execFile, execFileSync, spawn, spawnSync } from "child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "fs";
import Redis from "ioredis";
import { join } from "path";
import { fileURLToPath } from "url";
import { promisify } from "util";
import { startWriter, summary, Writer, WriterOptions, WriterResult } from "../writer";
import { SentinelWatch, watchSentinels } from "./sentinelWatch";

/**
 * The lab that the integration tests run on. They run inside its network: tests/run starts them with
 * `lab exec`, so that ioredis and the engine reach the hosts as an operator's machine would.
 */
export const top = join(__dirname, "..", "..");
export const hosts = ["app-1", "app-2", "console"] as const;
export type Host = (typeof hosts)[number];

export const masterName = "redis-dev-cluster";
export const nodePort = 6389;
export const sentinelPort = 26389;

/** Runs lab/lab; returns what it printed. Throws with its words when it fails. */
export function lab(...args: string[]): string {
  return run("lab/lab", args);
}

function run(program: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(join(top, program), args, {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr || stdout}`);
  return stdout;
}

/** A shell command on a host, as root; returns what it printed. Throws when it fails. */
export function on(host: string, command: string): string {
  return lab("ssh", host, `sudo -n bash -c '${command.replaceAll("'", `'\\''`)}'`).trim();
}

/** Runs lab/lab while everything else in this process, a writer say, goes on. Throws when it fails. */
export async function meanwhile(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(join(top, "lab/lab"), args);
  return stdout.trim();
}

/** A command on a host, as root, while everything else in this process goes on. */
export function meanwhileOn(host: string, command: string): Promise<string> {
  return meanwhile("ssh", host, `sudo -n ${command}`);
}

/** The private address of each host, as the lab gave them. */
export function address(host: string): string {
  const lines = readFileSync(
    join(top, "build", "lab", process.env.LAB_NAME ?? "dev", "hosts"),
    "utf8",
  ).split("\n");
  const line = lines.find((each) => each.startsWith(`${host} `));
  if (!line) throw new Error(`the lab has no host ${host}`);
  return line.split(" ")[1];
}

/** A committed stack with this lab's hosts, in a project directory of its own, through the real engine. */
export interface Stack {
  directory: string;
  stack: automation.Stack;
  passwords: Record<"application" | "replication" | "sentinel" | "operator" | "monitoring", string>;
  sshPrivateKey: string;
  /** Set by a test whose group requires TLS: all questions go by it. PEM. */
  tls?: { ca: string; cert: string; key: string };
  /** By so much the ports of a group beside another one are higher. */
  above?: number;
}

/** Opens the project directory, making it where there is none; state and settings stay between calls. */
export async function openStack(name = "dev"): Promise<Stack> {
  const directory = execFileSync(join(top, "lab", "stack"), [name], { encoding: "utf8" }).trim();
  const stack = await automation.LocalWorkspace.selectStack(
    { stackName: name, workDir: directory },
    { envVars: { PULUMI_CONFIG_PASSPHRASE_FILE: join(directory, "passphrase") } },
  );
  const config = await stack.getAllConfig();
  const value = (key: string) => config[`redis-cluster:${key}`].value;
  return {
    directory,
    stack,
    passwords: {
      application: value("applicationPassword"),
      replication: value("replicationPassword"),
      sentinel: value("sentinelPassword"),
      operator: value("operatorPassword"),
      monitoring: value("monitoringPassword"),
    },
    sshPrivateKey: value("sshPrivateKey"),
  };
}

/** Another stack on the same hosts, whose group is called `cache` there, with data that a destroy takes away. */
export async function openBeside(name: string): Promise<Stack> {
  const beside = { ...(await openStack(name)), above: 1000 };
  await beside.stack.setAllConfig({
    "redis-cluster:instance": { value: "cache" },
    "redis-cluster:nodePort": { value: String(nodePort + beside.above) },
    "redis-cluster:sentinelPort": { value: String(sentinelPort + beside.above) },
    "redis-cluster:deleteData": { value: "true" },
  });
  return beside;
}

/** What the group of that name, `redis-cluster` say, has on every host: its files by their sums, and its units. */
export function belongings(cluster: string): string[] {
  const [sentinel, units] = [cluster.replace("cluster", "sentinel"), "/etc/systemd/system"];
  return hosts.map((host) =>
    on(
      host,
      `find /etc/${cluster}/managed /usr/local/lib/${cluster} /etc/logrotate.d/${cluster} ` +
        `${units}/{${cluster},${sentinel}}{,-firewall,-kernel,-backup}.* -type f -exec sha256sum {} + 2>/dev/null | sort; ` +
        `systemctl show -p MainPID,ActiveEnterTimestamp ${cluster} ${cluster}-kernel ${sentinel}`,
    ),
  );
}

/** What hosts still have by the name of the group beside the others, wherever that is. */
export const leftBeside = (): string[] =>
  hosts
    .flatMap((host) =>
      on(
        host,
        "find / -xdev \\( -path /proc -o -path /run \\) -prune -o -name 'redis*cache*' -print",
      ).split("\n"),
    )
    .filter(Boolean);

/** The states, backups and histories of all stacks, as they lie in the backend. */
export function stateFiles(): string[] {
  const directory = join(fileURLToPath(process.env.PULUMI_BACKEND_URL!), ".pulumi");
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => file.includes(".json"))
    .map((file) => readFileSync(join(directory, file), "utf8"));
}

/** Makes a stack usable whose last run was killed. */
export async function unlock({ stack }: Stack): Promise<void> {
  // A kill while the file backend writes can leave the attributes beside a state empty, and the state unreadable.
  const backend = fileURLToPath(process.env.PULUMI_BACKEND_URL!);
  const attributes = join(backend, ".pulumi", "stacks", "redis-cluster", "dev.json.attrs");
  if (existsSync(attributes) && statSync(attributes).size === 0) rmSync(attributes);
  await stack.cancel();
}

/** How many resources an up or preview touched, by what was done; `same` and reads left out. */
export function changes(summary: Record<string, number | undefined> | undefined): object {
  return Object.fromEntries(
    Object.entries(summary ?? {}).filter(([operation, count]) => operation !== "same" && count),
  );
}

export interface Asked {
  host: string;
  daemon: "node" | "sentinel";
  username?: string;
}

/** One command to a daemon, over a connection of its own. */
export async function ask(
  { passwords, tls, above = 0 }: Stack,
  { host, daemon, username = "operator" }: Asked,
  command: string,
  ...args: string[]
): Promise<unknown> {
  const redis = new Redis({
    host: address(host),
    port: (daemon === "node" ? nodePort : sentinelPort) + (tls ? 1 : 0) + above,
    tls,
    username,
    password: passwords[username as keyof Stack["passwords"]],
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    commandTimeout: 5000,
  });
  // A refused login only shows here; the command itself fails with "Connection is closed".
  let refusal: Error | undefined;
  redis.on("error", (error: Error) => (refusal = error));
  try {
    await redis.connect();
    return await redis.call(command, ...args);
  } catch (error) {
    throw refusal ?? error;
  } finally {
    redis.disconnect();
  }
}

/** A section of INFO as a map. */
export async function info(
  stack: Stack,
  asked: Asked,
  section: string,
): Promise<Record<string, string>> {
  const text = (await ask(stack, asked, "INFO", section)) as string;
  const lines = text.split("\r\n").filter((line) => line.includes(":"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
}

/** The member that all sentinels name; undefined while they do not agree. */
export async function namedMaster(stack: Stack): Promise<string | undefined> {
  const names = await Promise.all(
    hosts.map(async (host) => {
      const [named] = (await ask(
        stack,
        { host, daemon: "sentinel" },
        "SENTINEL",
        "GET-MASTER-ADDR-BY-NAME",
        masterName,
      ).catch(() => [""])) as string[];
      return hosts.find((each) => address(each) === named);
    }),
  );
  return names.every((name) => name === names[0]) ? names[0] : undefined;
}

/** What must not change when nothing is owed: process and run ids of every daemon on every host. */
export async function identities(
  stack: Stack,
  ...daemons: ("node" | "sentinel")[]
): Promise<Record<string, string>> {
  const all = await Promise.all(
    hosts.flatMap((host) =>
      (daemons.length ? daemons : (["node", "sentinel"] as const)).map(async (daemon) => {
        const server = await info(stack, { host, daemon }, "server");
        return [`${host} ${daemon}`, `${server.process_id} ${server.run_id}`];
      }),
    ),
  );
  return Object.fromEntries(all) as Record<string, string>;
}

/** Looks again until it holds, for at most `seconds`; throws with `what` otherwise. */
export async function eventually(
  what: string,
  seconds: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  const held = async () => await holds();
  while (!(await held().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Until the host program's own gate finds nothing wrong with the group; a writer goes on meanwhile. */
export async function untilWhole(seconds = 60): Promise<void> {
  await eventually("the group is whole", seconds, async () => {
    await meanwhileOn("app-1", "/usr/local/lib/redis-cluster/redis-cluster gate");
    return true;
  });
}

const application = ({ stack, passwords, above = 0 }: Stack): WriterOptions => ({
  sentinels: hosts.map((host) => ({ host: address(host), port: sentinelPort + above })),
  masterName: `redis-${stack.name}-cluster`,
  username: "application",
  password: passwords.application,
});

/** A writer on the group, as an application of it; `options` are rates and shares, as { bytesPerSecond: 10e6 }. */
export const writerOn = (stack: Stack, options: Partial<WriterOptions> = {}): Promise<Writer> =>
  startWriter({ ...application(stack), ...options });

/** Ends the writer and prints what became of its writes; of those acknowledged all must be there, whole and right. */
export async function nothingLost(writer: Writer): Promise<WriterResult> {
  const result = await writer.stop();
  console.log(summary(result).join("\n"));
  expectNothingLost(result);
  return result;
}

/** Runs it while an application writes; nothing acknowledged may be lost. */
export async function losingNothing<T>(
  stack: Stack,
  what: () => Promise<T>,
  options: Partial<WriterOptions> = {},
): Promise<T> {
  const writer = await writerOn(stack, options);
  try {
    return await what();
  } finally {
    await nothingLost(writer);
  }
}

export function expectNothingLost({ lost, torn, wrong, acknowledged }: WriterResult): void {
  const seen = { lost, torn, wrong, wrote: acknowledged > 50 };
  expect(seen).toEqual({ lost: 0, torn: 0, wrong: 0, wrote: true });
}

/** Asks the group's sentinels all the time, as new clients of it do. */
export const watchOn = (stack: Stack): SentinelWatch => watchSentinels(application(stack));

/** Writes keys that no other call with other numbers writes. */
export async function writeKeys(
  stack: Stack,
  master: string,
  from: number,
  count: number,
): Promise<void> {
  const pairs = Array.from({ length: count }, (_, i) => [`key:${from + i}`, "x"]).flat();
  await ask(stack, { host: master, daemon: "node" }, "MSET", ...pairs);
}

/** Until every node holds that many keys. */
export async function everyNodeHas(stack: Stack, count: number): Promise<void> {
  for (const host of hosts) {
    await eventually(
      `${host} has ${count} keys`,
      30,
      async () => (await ask(stack, { host, daemon: "node" }, "DBSIZE")) === count,
    );
  }
}

/** What a host's sentinel says of the master that it monitors, by one field of SENTINEL MASTER. */
export async function monitored(stack: Stack, host: string, field: string): Promise<string> {
  const asked = { host, daemon: "sentinel" } as const;
  const fields = (await ask(stack, asked, "SENTINEL", "MASTER", masterName)) as string[];
  return fields[fields.indexOf(field) + 1];
}

/** How many failovers this group has been through, by the sentinels' own count. */
export async function epoch(stack: Stack): Promise<number> {
  return Number(await monitored(stack, "app-1", "config-epoch"));
}

/** What `up` said when it failed. Throws when it succeeded. */
export async function failedUp({ stack }: Stack): Promise<string> {
  try {
    await stack.up();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("pulumi up succeeded");
}

/** `up`, killed once it has created or updated `count` resources; tells whether it came to its end before. */
export async function killedUp(killed: Stack, count: number): Promise<boolean> {
  const { directory, stack } = killed;
  const done = await new Promise<boolean>((resolve) => {
    const up = spawn(
      "pulumi",
      ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", stack.name],
      {
        cwd: directory,
        env: { ...process.env, PULUMI_CONFIG_PASSPHRASE_FILE: join(directory, "passphrase") },
      },
    );
    let seen = 0;
    up.stdout.on("data", (text: Buffer) => {
      seen += (text.toString().match(/ (created|updated) \(/g) ?? []).length;
      if (seen >= count) up.kill("SIGKILL");
    });
    up.on("close", (code) => resolve(code === 0));
  });
  if (!done) await unlock(killed);
  return done;
}

/** Takes the group away with its data; nothing of it is left on any host's disk, and nobody listens. */
export async function leavesNothing({ stack }: Stack): Promise<void> {
  await stack.setConfig("redis-cluster:deleteData", { value: "true" });
  await stack.up();
  await stack.destroy();
  const ours =
    "ls -d /etc/systemd/system/redis-{cluster,sentinel}* /etc/redis-cluster /usr/local/lib/redis-cluster /var/l*/redis-cluster 2>/dev/null || true";
  for (const host of hosts) {
    expect([host, on(host, ours)]).toEqual([host, ""]);
    expect([host, on(host, "ss -Hltn 'sport = :6389 or sport = :26389'")]).toEqual([host, ""]);
  }
}
