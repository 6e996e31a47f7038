/** A run of the engine as an operator's shell has it, and its end by force. */
import { spawn, spawnSync } from "child_process";
import { readFileSync } from "fs";
import { join } from "path";
import { held, Hold } from "./holds";
import { Stack } from "./lab";

/** What lives on where the engine alone was killed. */
const orphans: { pid: number; since?: string }[] = [];

export interface Up {
  pid: number;
  said: string;
  /** Its exit code; null when it was killed. */
  ended: Promise<number | null>;
}

/** `pulumi up` as an operator's shell runs it. */
export function startUp(dev: Stack): Up {
  const child = spawn(
    "pulumi",
    ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", "dev"],
    {
      cwd: dev.directory,
      env: { ...process.env, PULUMI_CONFIG_PASSPHRASE_FILE: join(dev.directory, "passphrase") },
    },
  );
  const up: Up = {
    pid: child.pid!,
    said: "",
    ended: new Promise((resolve) => child.on("exit", resolve)),
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => (up.said += text.toString()));
  }
  return up;
}

export async function success(up: Up): Promise<void> {
  const code = await up.ended;
  if (code !== 0) throw new Error(`pulumi up ended with ${code}:\n${up.said}`);
}

/** A process of this machine and all below it. */
function family(pid: number): number[] {
  const all = spawnSync("ps", ["-e", "-o", "pid=,ppid="], { encoding: "utf8" }).stdout;
  const parents = all
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (one: number): number[] => [
    one,
    ...parents.filter(([, parent]) => parent === one).flatMap(([child]) => below(child)),
  ];
  return below(pid);
}

/** When the process began, in the kernel's own count; undefined when there is none. */
function startOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[19];
  } catch {
    return undefined;
  }
}

/** Kills engine, language host and plugins, or the engine alone, as one does by hand. */
export async function kill(up: Up, whom: "all" | "the engine alone" = "all"): Promise<void> {
  const pids = family(up.pid);
  expect(pids.length).toBeGreaterThan(2);
  for (const pid of whom === "all" ? pids : [up.pid]) process.kill(pid, "SIGKILL");
  if (whom !== "all") orphans.push(...pids.slice(1).map((pid) => ({ pid, since: startOf(pid) })));
  await up.ended;
}

/** Ends what has outlived its engine. */
export function endOrphans(): void {
  for (const { pid, since } of orphans.splice(0)) {
    // Most have ended by themselves, and their numbers may be another's by now.
    if (since !== undefined && startOf(pid) === since) process.kill(pid, "SIGKILL");
  }
}

/** Until the run waits at the hold; throws with its words when it ends before. */
export function reached(up: Up, one: Hold): ReturnType<typeof held> {
  const early = up.ended.then((code) => {
    throw new Error(
      `${one.point} ${one.verb} of ${one.host}: the run ended (${code}):\n${up.said}`,
    );
  });
  return Promise.race([held(one), early]);
}

/** What a run said last: its error, or what it did, or where it was cut off. */
export function lastWords({ said }: Up): string {
  const [error] = /(redis-cluster\[[^\]]+\]: error|wait|dial|read tcp): .*/.exec(said) ?? [];
  const [resources] = /(?<=Resources:\n)[^]*?(?=\n\n)/.exec(said) ?? [];
  const [step] = [...said.matchAll(/\S+ updating(?= \()/g)].at(-1) ?? [];
  return (error ?? resources ?? step ?? "").trim().replace(/\s+/g, " ").slice(0, 80);
}
