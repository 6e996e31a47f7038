import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commandLine } from "./shell";

const templates = join(__dirname, "..", "templates");
const parts = join(templates, "host");

/** Where the host's programs live. */
export const programDirectory = "/usr/local/lib/redis-cluster";

/** The script that all files are written with. A `repair` id other than "" makes it differ. */
export function fileWriter(repair: string): string {
  const script = readFileSync(join(templates, "write-files.sh"), "utf8");
  return repair === "" ? script : `${script}# repair ${repair}\n`;
}

/** A line for each program, by which a host tells whether somebody edited it. */
export function programSums(repair: string): string {
  const sum = (text: string) => createHash("sha256").update(text).digest("hex");
  return (
    `program ${sum(fileWriter(repair))} write-files\n` +
    `program ${sum(hostProgram())} redis-cluster\n`
  );
}

/**
 * The program that a host's units and this program's steps call: the parts in templates/host as one
 * file, so that a host never runs a mix of two versions.
 */
export function hostProgram(): string {
  const first = ["head.sh", "lib.sh"];
  const last = ["main.sh"];
  const middle = readdirSync(parts)
    .filter((file) => !first.includes(file) && !last.includes(file))
    .sort();
  return [...first, ...middle, ...last]
    .map((file) => readFileSync(join(parts, file), "utf8"))
    .join("\n");
}

/**
 * The command line of a verb of the host program, which ends it after so many seconds. Nothing else has to be
 * allowed to the SSH user where an administrator has installed that program.
 */
export function hostCommand(seconds: number, verb: string[]): string {
  const program = `${programDirectory}/redis-cluster`;
  return commandLine(["sudo", "-n", program, "within", String(seconds), ...verb]);
}
