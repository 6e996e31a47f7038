import { execFileSync, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";

/** Has a redis-server of its own write so many keys into an AOF there. */
export function fillDirectory(directory: string, keys: number): void {
  const socket = join(directory, "socket");
  const server = spawn(
    "redis-server",
    [
      "--port",
      "0",
      "--unixsocket",
      socket,
      "--dir",
      directory,
      "--appendonly",
      "yes",
      "--save",
      "",
    ],
    { stdio: "ignore" },
  );
  const client = (...args: string[]) =>
    execFileSync("redis-cli", ["-s", socket, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  for (let tries = 0; ; tries++) {
    try {
      client("ping");
      break;
    } catch (error) {
      if (tries === 100) throw error;
      execFileSync("sleep", ["0.05"]);
    }
  }
  client("eval", `for i = 1, ${keys} do redis.call("set", "key" .. i, "value") end`, "0");
  client("bgrewriteaof");
  while (!client("info", "persistence").toString().includes("aof_rewrite_in_progress:0")) {
    execFileSync("sleep", ["0.05"]);
  }
  server.kill("SIGKILL");
  rmSync(socket, { force: true });
}
