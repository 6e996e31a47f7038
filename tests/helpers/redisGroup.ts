import { ChildProcess, spawn } from "child_process";
import { mkdtempSync, rmSync, writeFileSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";
import Redis from "ioredis";

const nodePort = 6389;
const sentinelPort = 26389;

export const masterName = "redis-test-cluster";
export const operatorPassword = "operator-of-the-test-group-0123456789";

export interface RedisGroup {
  nodes: { name: string; address: string; port: number }[];
  sentinels: { name: string; address: string; port: number }[];
  /** A command to a daemon, as the user operator. */
  ask(daemon: "node" | "sentinel", name: string, ...command: string[]): Promise<unknown>;
  start(daemon: "node" | "sentinel", name: string): void;
  stop(daemon: "node" | "sentinel", name: string, signal?: NodeJS.Signals): Promise<void>;
  signal(daemon: "node" | "sentinel", name: string, signal: NodeJS.Signals): void;
  destroy(): Promise<void>;
}

/**
 * Real redis-server processes: one node and one sentinel for each name, with ACLs as on a host.
 * redis-server must be on PATH. The first is the master; quorum 2, down-after 1 s.
 * The addresses are loopback ones that follow from the process id: test files run side by side.
 */
export function startRedisGroup(names: string[]): RedisGroup {
  const directory = mkdtempSync(join(tmpdir(), "redis-group-"));
  const network = `127.${100 + ((process.pid >> 8) % 100)}.${process.pid % 256}`;
  const addresses = new Map(names.map((name, index) => [name, `${network}.${index + 1}`]));
  const processes = new Map<string, ChildProcess>();
  const address = (name: string) => addresses.get(name) ?? "";
  const path = (daemon: string, name: string, suffix = "") =>
    join(directory, `${daemon}-${name}${suffix}`);

  for (const name of names) {
    writeFileSync(
      path("node", name, ".acl"),
      [
        "user default off ~* &* +@all",
        `user operator on >${operatorPassword} ~* &* +@all`,
        "user replication on >replication +psync +replconf +ping",
        "user sentinel on >sentinel ~* &* +@all",
      ].join("\n") + "\n",
    );
    writeFileSync(
      path("node", name, ".conf"),
      [
        `bind ${address(name)}`,
        `port ${nodePort}`,
        `dir ${directory}`,
        `dbfilename ${name}.rdb`,
        `replica-announce-ip ${address(name)}`,
        "repl-diskless-sync-delay 0",
        `aclfile ${path("node", name, ".acl")}`,
        "masteruser replication",
        "masterauth replication",
        ...(name === names[0] ? [] : [`replicaof ${address(names[0])} ${nodePort}`]),
      ].join("\n") + "\n",
    );
    writeFileSync(
      path("sentinel", name, ".acl"),
      `user default off\nuser operator on >${operatorPassword} ~* &* +@all\nuser sentinel on >sentinel ~* &* +@all\n`,
    );
    writeFileSync(
      path("sentinel", name, ".conf"),
      [
        `bind ${address(name)}`,
        `port ${sentinelPort}`,
        `dir ${directory}`,
        `sentinel announce-ip ${address(name)}`,
        `sentinel monitor ${masterName} ${address(names[0])} ${nodePort} 2`,
        `sentinel down-after-milliseconds ${masterName} 1000`,
        `sentinel failover-timeout ${masterName} 10000`,
        `sentinel auth-user ${masterName} sentinel`,
        `sentinel auth-pass ${masterName} sentinel`,
        "sentinel sentinel-user sentinel",
        "sentinel sentinel-pass sentinel",
        `aclfile ${path("sentinel", name, ".acl")}`,
      ].join("\n") + "\n",
    );
  }

  const group: RedisGroup = {
    nodes: names.map((name) => ({ name, address: address(name), port: nodePort })),
    sentinels: names.map((name) => ({ name, address: address(name), port: sentinelPort })),
    ask: async (daemon, name, ...command) => {
      const redis = new Redis({
        host: address(name),
        port: daemon === "node" ? nodePort : sentinelPort,
        username: "operator",
        password: operatorPassword,
        enableReadyCheck: false,
        retryStrategy: () => null,
        protocol: 2,
      });
      redis.on("error", () => null);
      try {
        return await redis.call(command[0], ...command.slice(1));
      } finally {
        redis.disconnect();
      }
    },
    start: (daemon, name) => {
      const args = [path(daemon, name, ".conf"), ...(daemon === "sentinel" ? ["--sentinel"] : [])];
      processes.set(`${daemon}-${name}`, spawn("redis-server", args, { stdio: "ignore" }));
    },
    stop: async (daemon, name, signal = "SIGTERM") => {
      const running = processes.get(`${daemon}-${name}`);
      if (running?.exitCode !== null || running.signalCode !== null) return;
      const ended = new Promise((resolve) => running.once("exit", resolve));
      running.kill(signal);
      await ended;
    },
    signal: (daemon, name, signal) => processes.get(`${daemon}-${name}`)?.kill(signal),
    destroy: async () => {
      for (const name of names) {
        await group.stop("sentinel", name, "SIGKILL");
        await group.stop("node", name, "SIGKILL");
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
  for (const name of names) {
    group.start("node", name);
    group.start("sentinel", name);
  }
  return group;
}

/** Waits until what comes back is true, else throws after so many seconds. */
export async function eventually(seconds: number, what: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
