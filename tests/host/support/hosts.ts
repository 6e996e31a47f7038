import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { hostPackage, rootProgram } from "../../../components/remote/hostProgram";

import { Host } from "./host";
import { masterName, nodePort, sentinelPort } from "./release";

export { Host, type Outcome } from "./host";
export { eventually, pause } from "./wait";
export { masterName, passwords, releaseHash } from "./release";

// Two runs of the tests at the same time, or two files of one run, must not meet.
const network = `127.${1 + ((process.pid >> 8) & 127)}.${process.pid & 255}`;

/** A group of hosts, each with a loopback address of its own. */
export class Hosts {
  readonly directory = mkdtempSync(join(tmpdir(), "redis-cluster-hosts-"));
  readonly program = join(this.directory, "redis-cluster");
  readonly all: Host[];

  constructor(
    names = ["console", "app-1", "app-2"],
    private readonly sentinels = names,
  ) {
    // The user redis, as whom a dry run reads a release, has to get at it.
    chmodSync(this.directory, 0o755);
    writeFileSync(this.program, rootProgram(), { mode: 0o755 });
    const line = `["/bin/bash", "-c", 'eval "\${!#}"', "direct"]`;
    const directed = rootProgram().replace(/^DIRECTOR = .*$/m, `DIRECTOR = ${line}`);
    writeFileSync(`${this.program}.direct`, directed, { mode: 0o755 });
    for (const [path, text] of Object.entries(hostPackage())) {
      mkdirSync(dirname(join(this.directory, path)), { recursive: true });
      writeFileSync(join(this.directory, path), text);
    }
    this.all = names.map((name, index) => new Host(this, name, `${network}.${index + 1}`));
    for (const host of this.all) host.release("one");
  }

  /** Gives the host program another limit, `ask_timeout` say: wherever it stands. */
  limit(name: string, seconds: number): void {
    const modules = Object.keys(hostPackage()).map((path) => join(this.directory, path));
    let found = false;
    for (const file of modules) {
      const line = new RegExp(`^(${name.toUpperCase()} = ).*$`, "m");
      const text = readFileSync(file, "utf8");
      found ||= line.test(text);
      writeFileSync(file, text.replace(line, `$1${seconds}`));
    }
    if (!found) throw new Error(`the host program has no ${name}`);
  }

  members(self: string): string {
    const lines = (kind: string, names: string[], port: number) =>
      (this.all ?? [])
        .filter((host) => names.includes(host.name))
        .map((host) => `${kind} ${host.name} ${host.address} ${port}`);
    const names = this.all.map((host) => host.name);
    return [
      `master-name ${masterName}`,
      "quorum 2",
      `self ${self}`,
      "sentinel-return 15",
      ...lines("node", names, nodePort),
      ...lines("sentinel", this.sentinels, sentinelPort),
      "",
    ].join("\n");
  }

  async destroy(): Promise<void> {
    for (const host of this.all) host.disconnect();
    await Promise.all(this.all.flatMap((host) => [host.stop("sentinel"), host.stop("node")]));
    for (const host of this.all) host.endUnits();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
