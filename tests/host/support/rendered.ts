/** What the templates render, read by the real redis-server (on PATH). Its daemons end with each test. */
import { ChildProcess, spawn } from "child_process";
import { createHash } from "crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "fs";
import Redis from "ioredis";
import { tmpdir } from "os";
import { join } from "path";
import {
  renderNodeUsers,
  renderRedisConf,
  renderSentinelConf,
  renderSentinelUsers,
} from "../../../components/release/render";
import { host, topologyConfig } from "../../helpers/config";

export const addresses = ["127.0.5.1", "127.0.5.2", "127.0.5.3"];
export const [address] = addresses;
export const [nodePort, sentinelPort] = [6389, 26389];
export const masterName = "redis-dev-cluster";
export const passwords = {
  application: 'application "1" ü',
  replication: "replication",
  sentinel: "sentinel",
  operator: "operator",
  monitoring: "monitoring",
};

const hash = (password: string) => createHash("sha256").update(password).digest("hex");
export const config = topologyConfig({ users: { application: {} } });

export type Daemon = "node" | "sentinel";

/** The two files of the host that gets this address. */
export function rendered(more: Record<string, unknown> = {}, at = address): Record<Daemon, string> {
  const config = topologyConfig({
    hosts: {
      console: host("10.77.0.11"),
      "app-1": host("10.77.0.12"),
      "app-2": host("10.77.0.13"),
    },
    ...more,
  });
  const [first] = config.hosts;
  // Members announce no loopback address, so the rendered one is exchanged for the test's; and all of
  // this machine's hosts share 127.0.0.1.
  const here = (text: string): string =>
    text.replaceAll(first.address, at).replace(/^bind .*$/m, `bind ${at}`);
  return {
    node: here(renderRedisConf(config, first)),
    sentinel: here(renderSentinelConf(config, first)),
  };
}

export let directory: string;
export let running: ChildProcess[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "templates-"));
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map(kill));
  rmSync(directory, { recursive: true });
});

export async function kill(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode === null && daemon.signalCode === null) {
    const ended = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill("SIGKILL");
    await ended;
  }
}

/**
 * Starts a daemon on a file as a host composes it, in a directory of the test's own, and waits until
 * it is up. `role` is what the host adds about the master. Returns the process and what it printed.
 */
export async function start(
  daemon: Daemon,
  text: string,
  role: string[] = [],
  at = address,
): Promise<{ daemon: ChildProcess; output: string }> {
  const own = join(directory, `${daemon}-${at}`);
  mkdirSync(own, { recursive: true });
  const users = daemon === "node" ? renderNodeUsers(config) : renderSentinelUsers(config);
  writeFileSync(
    join(own, "conf"),
    [
      ...(daemon === "sentinel" ? [`sentinel monitor ${masterName} ${address} ${nodePort} 2`] : []),
      text
        .replace(/^dir .*$/m, `dir ${own}`)
        .replace(/^logfile .*$/m, 'logfile ""')
        .replace(/^supervised .*$/m, "supervised no"),
      users.replace(/#(\w+)/g, (_, name: keyof typeof passwords) => `#${hash(passwords[name])}`),
      ...role,
    ].join("\n"),
  );
  const child = spawn("redis-server", [
    join(own, "conf"),
    ...(daemon === "sentinel" ? ["--sentinel"] : []),
  ]);
  running.push(child);
  const ready = daemon === "node" ? "Ready to accept connections" : "+monitor master";
  const output = await new Promise<string>((resolve, reject) => {
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      if (printed.includes(ready)) {
        resolve(printed);
      }
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`redis-server ended: ${printed}`)));
  });
  return { daemon: child, output };
}

/** Runs commands as a user; an error reply is given as its text. */
export async function as<T>(
  user: keyof typeof passwords,
  port: number,
  work: (call: (...command: string[]) => Promise<unknown>) => Promise<T>,
  at = address,
): Promise<T> {
  const redis = new Redis({
    host: at,
    port,
    username: user,
    password: passwords[user],
    enableReadyCheck: user === "application" && port === nodePort,
    retryStrategy: () => null,
    protocol: 2,
  });
  redis.on("error", () => null);
  try {
    return await work((name, ...args) =>
      redis.call(name, ...args).catch((error: unknown) => (error as Error).message),
    );
  } finally {
    redis.disconnect();
  }
}
