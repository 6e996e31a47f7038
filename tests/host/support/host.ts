import { ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { hostPrograms, pythonPackage } from "../../../components/remote/hostProgram";

import { masterName, nodePort, passwords, releaseFiles, sentinelPort } from "./release";
import { fillDirectory } from "./fill";
import type { Hosts } from "./hosts";
import { eventually, pause } from "./wait";

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
  seconds: number;
}

/** The host program has a PATH of its own, as on hosts, whatever the tests' own PATH is. */
const redisServer = realpathSync(
  execFileSync("/bin/sh", ["-c", "command -v redis-server"], { encoding: "utf8" }).trim(),
);

/** One host of a group: a directory that stands for its root and an address of its own. */
export class Host {
  readonly root: string;
  /** Set: redis-cli's options to ask the daemons by TLS, each at the port above its plain one. */
  tls: string[] = [];
  private readonly processes = new Map<"node" | "sentinel", ChildProcess>();
  private readonly clients: ChildProcess[] = [];

  constructor(
    private readonly group: Hosts,
    readonly name: string,
    readonly address: string,
  ) {
    this.root = join(group.directory, name);
    for (const directory of [
      "tmp",
      "usr/bin",
      "etc/systemd/system",
      "var/lib/redis-cluster",
      "var/log/redis-cluster",
      "run/redis-cluster/node",
      "run/redis-cluster/sentinel",
    ]) {
      mkdirSync(join(this.root, directory), { recursive: true });
    }
    chmodSync(this.path("/tmp"), 0o1777);
    symlinkSync(redisServer, this.path("/usr/bin/redis-server"));
    // The unit's processes, which make it, are root's here.
    this.write("/run/redis-cluster/node/stamping", "");
    const programs = this.path("/usr/local/lib/redis-cluster");
    mkdirSync(programs, { recursive: true });
    symlinkSync(join(group.directory, pythonPackage), join(programs, pythonPackage));
    for (const name of ["logrotate", "needrestart"])
      writeFileSync(join(programs, name), hostPrograms()[name]);
    mkdirSync(this.path("."), { recursive: true });
    // What stands for other programs is called by root and by redis, and notes what it was told.
    for (const directory of [this.root, this.path("/tmp")]) chmodSync(directory, 0o777);
    if (process.getuid?.() === 0) {
      const redis = ["run/redis-cluster", "var/lib/redis-cluster"];
      execFileSync("chown", ["-R", "redis:redis", ...redis.map((path) => join(this.root, path))]);
      execFileSync("chown", ["root:redis", this.path(".")]);
      chmodSync(this.path("."), 0o1770);
    }
  }

  /** A file of the host; one without a leading slash is in /etc/redis-cluster, where root's are in a directory. */
  path(file: string): string {
    if (file.startsWith("/")) return join(this.root, file);
    const managed = /^(staged|releases|current|previous|accepted|initialised|bootstrap)\b/.test(
      file,
    );
    return join(this.root, "etc/redis-cluster", managed ? "managed" : "", file);
  }

  read(file: string): string {
    return readFileSync(this.path(file), "utf8");
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text);
  }

  /** Makes a release and points the link at it; `files` replace or add to what a release holds. */
  release(hash: string, link = "current", files: Record<string, string> = {}): void {
    for (const [file, text] of Object.entries({ ...this.releaseFiles(), ...files })) {
      this.write(`releases/${hash}/${file}`, text);
    }
    rmSync(this.path(link), { force: true });
    symlinkSync(`releases/${hash}`, this.path(link));
  }

  releaseFiles(): Record<string, string> {
    return releaseFiles(this, this.group.members(this.name));
  }

  /** From now on the daemons are the units', run by what stands for systemd; see the script. */
  useSystemctl(): void {
    for (const unit of ["redis-cluster.service", "redis-sentinel.service"]) {
      for (const place of ["current", "staged", "/etc/systemd/system"]) {
        this.write(`${place}/${unit}`, "[Service]\n");
      }
    }
    symlinkSync(join(__dirname, "systemctl"), this.path("/usr/bin/systemctl"));
    this.write("/usr/bin/systemd-run", "#!/bin/sh\n");
    chmodSync(this.path("/usr/bin/systemd-run"), 0o755);
  }

  /** Runs what stands for systemctl. */
  systemctl(verb: "start" | "stop" | "is-active", daemon: "node" | "sentinel"): Promise<Outcome> {
    const unit = daemon === "node" ? "redis-cluster.service" : "redis-sentinel.service";
    return this.shell(`systemctl ${verb} ${unit} >&2`);
  }

  /** Starts a unit and waits until it is active. */
  async startUnit(daemon: "node" | "sentinel"): Promise<void> {
    await this.systemctl("start", daemon);
    for (
      let tries = 0;
      (await this.systemctl("is-active", daemon)).stderr !== "active\n";
      tries++
    ) {
      if (tries === 100) throw new Error(`${this.name}: the ${daemon} is not active`);
      await pause(100);
    }
  }

  /** The process of a unit's daemon. */
  pid(daemon: "node" | "sentinel"): number {
    return Number(readFileSync(this.path(`/run/${daemon}.pid`), "utf8"));
  }

  /** Runs the host program. */
  run(...args: string[]): Promise<Outcome> {
    return this.execute([this.group.program, ...args]);
  }

  /** Runs a verb of the host program that is told something. */
  tell(verb: string, lines: string[]): Promise<Outcome> {
    return this.feed(lines.join("\n"), verb);
  }

  /** Runs the host program with that on its standard input. */
  feed(input: string, ...args: string[]): Promise<Outcome> {
    this.write("/tmp/told", input);
    return this.execute([this.group.program, ...args], openSync(this.path("/tmp/told"), "r"));
  }

  /** In the place of a program of the system, for root and redis alike. */
  program(name: string, text = ""): void {
    this.write(`/usr/bin/${name}`, `#!/bin/bash\numask 0\n${text}\n`);
    chmodSync(this.path(`/usr/bin/${name}`), 0o755);
  }

  /** Runs a line of shell with the programs of the host. */
  shell(line: string): Promise<Outcome> {
    const path = `${this.path("/usr/bin")}:/usr/sbin:/usr/bin:/sbin:/bin`;
    return this.execute(["/bin/bash", "-c", `export PATH=${path}; ${line}`]);
  }

  /** Runs a line of shell as the director of a verb, whom root's part serves. */
  direct(line: string, verb = "node-roll"): Promise<Outcome> {
    return this.execute([`${this.group.program}.direct`, verb, line]);
  }

  /** Has root do an act for who directs a claim or its end, of the stack a/b; the answer. */
  actOfClaim(
    verb: "claim" | "unclaim",
    component: string,
    id: string,
    act: string,
  ): Promise<Outcome> {
    return this.shell(
      `echo owner a/b | ${this.group.program}.direct ${verb} ${component} ${id} "echo ${act} >&14; exec 14>&-; cat <&15"`,
    );
  }

  /** Has root do one of its acts for a director; what it comes to. */
  act(...words: string[]): Promise<Outcome> {
    return this.python(`from redis_cluster.acts import act\nprint(act(*${JSON.stringify(words)}))`);
  }

  /** The same in Python, with the director's modules at hand; what is raised ends it as it ends a step. */
  python(code: string, verb?: string): Promise<Outcome> {
    const lines = [
      "import sys",
      `sys.path.insert(0, ${JSON.stringify(this.group.directory)})`,
      "from redis_cluster.acts import NotDone",
      "from redis_cluster.messages import Refused, say",
      "try:",
      ...code.split("\n").map((line) => `    ${line}`),
      "except NotDone as seen:",
      '    say(f"error: {seen}")',
      "    sys.exit(1)",
      "except Refused as refusal:",
      '    say(f"error: {refusal}", refusal.host)',
      "    sys.exit(1)",
    ];
    writeFileSync(`${this.root}.py`, lines.join("\n"));
    return this.direct(`exec /usr/bin/python3 -I -S ${this.root}.py`, verb);
  }

  private execute(args: string[], stdin: "ignore" | number = "ignore"): Promise<Outcome> {
    const start = performance.now();
    const [program, ...more] = args;
    const child = spawn(program, more, {
      env: { REDIS_CLUSTER_ROOT: this.root, TMPDIR: this.path("/tmp") },
      stdio: [stdin, "pipe", "pipe"],
    });
    if (stdin !== "ignore") closeSync(stdin);
    let [stdout, stderr] = ["", ""];
    child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    return new Promise((resolve) =>
      child.once("exit", (status) =>
        // What is still being asked holds the pipe open; the last words are in it by then.
        setImmediate(() =>
          resolve({
            ...{ status: status ?? -1, stdout, stderr },
            seconds: (performance.now() - start) / 1000,
          }),
        ),
      ),
    );
  }

  async compose(daemon: "node" | "sentinel"): Promise<Outcome> {
    const outcome = await this.run(`compose-${daemon}`);
    execFileSync(join(__dirname, "own-as-redis"), [this.root]);
    return outcome;
  }

  /** What the composed file says about the role: `master` or the followed "ADDRESS PORT". */
  role(): string {
    return /^replicaof (.*)$/m.exec(this.read("redis-cluster.conf"))?.[1] ?? "master";
  }

  /** Writes the file of an earlier run of the node. */
  lastNodeFile(follows?: Host): void {
    const role = follows ? `replicaof ${follows.address} ${nodePort}\n` : "";
    this.write("redis-cluster.conf", `# composed from release old\nport ${nodePort}\n${role}`);
  }

  /** Writes the file of an earlier run of the sentinel. */
  lastSentinelFile(watched: Host | string, epoch = 0, more: string[] = []): void {
    const address = typeof watched === "string" ? watched : watched.address;
    const text = [
      `bind ${this.address}`,
      `port ${sentinelPort}`,
      `dir ${this.root}`,
      `aclfile ${this.path("releases/one/sentinel-users.acl")}`,
      `sentinel monitor ${masterName} ${address} ${nodePort} 2`,
      `sentinel down-after-milliseconds ${masterName} 600000`,
      `sentinel auth-user ${masterName} sentinel`,
      `sentinel auth-pass ${masterName} ${passwords.sentinel}`,
      `sentinel config-epoch ${masterName} ${epoch}`,
      `sentinel current-epoch ${epoch}`,
      ...more,
    ];
    this.write("redis-sentinel.conf", text.join("\n") + "\n");
  }

  /** Puts data where the node would load them: written by a redis-server of its own. */
  fill(keys = 3): void {
    fillDirectory(this.path("/var/lib/redis-cluster"), keys);
  }

  /** Starts the daemon on the file that is there, and waits until it answers. */
  async start(daemon: "node" | "sentinel"): Promise<void> {
    const file = this.path(daemon === "node" ? "redis-cluster.conf" : "redis-sentinel.conf");
    const log: string[] = [];
    const child = spawn("redis-server", [file, ...(daemon === "sentinel" ? ["--sentinel"] : [])], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.on("data", (chunk: Buffer) => log.push(chunk.toString()));
    this.processes.set(daemon, child);
    await eventually(10, () => {
      if (child.exitCode !== null) throw new Error(`${this.name} ${daemon}: ${log.join("")}`);
      return /PONG|NOAUTH|LOADING/.test(this.ask(daemon, "ping"));
    });
  }

  /** Composes and starts, as the unit does; a refusal is retried for `seconds`. */
  async composeAndStart(daemon: "node" | "sentinel", seconds = 0): Promise<Outcome> {
    const deadline = performance.now() + seconds * 1000;
    let outcome = await this.compose(daemon);
    while (outcome.status !== 0 && performance.now() < deadline) {
      await pause(200);
      outcome = await this.compose(daemon);
    }
    if (outcome.status !== 0) throw new Error(outcome.stderr);
    await this.start(daemon);
    if (daemon === "node") await this.run("restore-priority");
    return outcome;
  }

  signal(daemon: "node" | "sentinel", signal: NodeJS.Signals): void {
    this.processes.get(daemon)?.kill(signal);
  }

  endUnits(): void {
    for (const daemon of ["node", "sentinel"] as const) {
      if (existsSync(this.path(`/run/${daemon}.pid`))) {
        try {
          process.kill(this.pid(daemon), "SIGKILL");
        } catch {
          // It has ended.
        }
      }
    }
  }

  disconnect(): void {
    for (const client of this.clients) client.kill("SIGKILL");
  }

  async stop(daemon: "node" | "sentinel", signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.processes.get(daemon);
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** Whether the daemon lets this user in. */
  logsIn(daemon: "node" | "sentinel", user: string, password: string): boolean {
    const { stdout } = spawnSync("redis-cli", this.clientArgs(daemon, user, "ping"), {
      env: { ...process.env, REDISCLI_AUTH: password },
      encoding: "utf8",
    });
    return /PONG|NOPERM/.test(stdout) && !stdout.includes("WRONGPASS");
  }

  /** A connection that stays until it is ended. */
  connect(
    daemon: "node" | "sentinel",
    user: string,
    password: string,
  ): { ask: (command: string) => Promise<string>; end: () => void } {
    const child = spawn("redis-cli", this.clientArgs(daemon, user), {
      env: { ...process.env, REDISCLI_AUTH: password },
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.clients.push(child);
    return {
      ask: (command) =>
        new Promise((resolve) => {
          child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()));
          child.stdin.write(`${command}\n`);
        }),
      end: () => child.kill("SIGKILL"),
    };
  }

  private clientArgs(daemon: "node" | "sentinel", user: string, ...command: string[]): string[] {
    const plain = daemon === "node" ? nodePort : sentinelPort;
    const port = String(this.tls.length > 0 ? plain + 1 : plain);
    return [
      ...this.tls,
      "--user",
      user,
      "--no-auth-warning",
      "-h",
      this.address,
      "-p",
      port,
      ...command,
    ];
  }

  /** A command's reply as redis-cli prints it, as the user operator. */
  ask(daemon: "node" | "sentinel", ...command: string[]): string {
    try {
      return execFileSync("redis-cli", this.clientArgs(daemon, "operator", ...command), {
        env: { ...process.env, REDISCLI_AUTH: passwords.operator },
        stdio: ["ignore", "pipe", "ignore"],
      }).toString();
    } catch {
      return "";
    }
  }
}
