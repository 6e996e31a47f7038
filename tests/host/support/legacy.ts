import { ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { field, Group } from "./group";
import { Outcome, passwords } from "./hosts";
import { eventually } from "./wait";

export const legacyPort = 6379;
export const legacyPassword = "of the legacy one";

/** The legacy Redis, with a password, and keys of each type in two databases. */
export class Legacy {
  private child?: ChildProcess;
  constructor(
    private readonly directory: string,
    readonly address: string,
  ) {
    mkdirSync(directory);
  }

  async start(...options: string[]): Promise<void> {
    const args = ["--port", String(legacyPort), "--bind", this.address, "--dir", this.directory];
    args.push("--requirepass", legacyPassword, "--repl-diskless-sync-delay", "0", ...options);
    // The writer's application has one user for both.
    args.push("--user", "operator", "on", `>${passwords.operator}`, "~*", "&*", "+@all");
    this.child = spawn("redis-server", args, { stdio: "ignore" });
    await eventually(10, () => this.ask("PING") === "PONG");
  }

  ask(...words: string[]): string {
    const args = ["-h", this.address, "-p", String(legacyPort), "--no-auth-warning"];
    const login = ["-a", legacyPassword];
    // One that hangs ends its test.
    const options = { encoding: "utf8", timeout: 20_000 } as const;
    return (spawnSync("redis-cli", [...args, ...login, ...words], options).stdout ?? "").trim();
  }

  fill(): void {
    const script = `for i = 1, 500 do
      redis.call("SET", "text:" .. i, i); redis.call("SET", "short:" .. i, i, "EX", 3600)
      redis.call("HSET", "hash:" .. i, "a", i, "b", "\\0\\255")
      redis.call("RPUSH", "list:" .. i, 1, 2, i); redis.call("SADD", "set:" .. i, "x", "y", i)
      redis.call("ZADD", "zset:" .. i, i, "m"); redis.call("XADD", "stream:" .. i, "1-1", "f", i) end`;
    this.ask("EVAL", script, "0");
    this.ask("-n", "3", "SET", "of", "three");
  }

  /** What nobody may change: its settings and its role. */
  settings(): string {
    // In no order of their own.
    const settings = this.ask("CONFIG", "GET", "*").split("\n").sort().join("\n");
    return settings + field(this.ask("INFO", "replication"), "role");
  }

  stop(): void {
    this.child?.kill("SIGKILL");
  }
}

/** A group, and where the legacy Redis comes on its first host's address. */
export class Migrating {
  private constructor(
    readonly group: Group,
    readonly legacy: Legacy,
  ) {}

  static async begin(): Promise<Migrating> {
    const group = new Group();
    await group.begin();
    for (const host of group.all) symlinkSync("releases/one", host.path("staged"));
    const legacy = new Legacy(join(group.directory, "legacy"), group.all[0].address);
    return new Migrating(group, legacy);
  }

  /** A step of the first host. lines: how it logs in, and what else the step is told. */
  migrate(stage: string, ...lines: string[]): Promise<Outcome> {
    return this.group.all[0].feed(
      [...lines, "# plan 0123456789abcdef"].join("\n"),
      ...["migrate", stage, this.legacy.address, String(legacyPort)],
    );
  }

  async end(): Promise<void> {
    this.legacy.stop();
    await this.group.destroy();
  }
}
