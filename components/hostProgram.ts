import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commandLine } from "./shell";

const templates = join(__dirname, "..", "templates");
const parts = join(templates, "host");

/** Where the host's programs live. */
export const programDirectory = "/usr/local/lib/redis-cluster";

/** Its directory of Python, which is replaced whole. */
export const pythonPackage = "redis_cluster";

/** The script that all files are written with. */
export function fileWriter(): string {
  return readFileSync(join(templates, "write-files.sh"), "utf8");
}

/** A line for each program, by which a host tells whether somebody edited it. */
export function programSums(): string {
  const sum = (text: string) => createHash("sha256").update(text).digest("hex");
  const files = { "write-files": fileWriter(), "redis-cluster": hostProgram(), ...hostPackage() };
  return Object.entries(files)
    .map(([name, text]) => `program ${sum(text)} ${name}\n`)
    .join("");
}

/**
 * The program that a host's units and this program's steps call: the parts in templates/host as one
 * file, so that a host never runs a mix of two versions.
 */
export function hostProgram(): string {
  const middle = readdirSync(parts).filter((file) => file.endsWith(".sh") && !outer.includes(file));
  return programOf(middle.sort());
}

/** The modules of its part in Python, by their paths below the directory of programs. */
export function hostPackage(): Record<string, string> {
  const paths = readdirSync(join(parts, pythonPackage), { recursive: true, encoding: "utf8" });
  const modules = paths.filter((path) => path.endsWith(".py")).sort();
  return Object.fromEntries(
    modules.map((path) => [
      join(pythonPackage, path),
      readFileSync(join(parts, pythonPackage, path), "utf8"),
    ]),
  );
}

/** As much of it as tells whose a host is, for a host on which there may be none. */
export const ownerCheck = (): string => programOf(["owner.sh"]);

const outer = ["head.sh", "lib.sh", "main.sh"];

const programOf = (middle: string[]): string =>
  ["head.sh", "lib.sh", ...middle, "main.sh"]
    .map((file) => readFileSync(join(parts, file), "utf8"))
    .join("\n");

/**
 * The command line of a verb of the host program, which ends it after so many seconds. Nothing else has to be
 * allowed to the SSH user where an administrator has installed that program.
 */
export function hostCommand(seconds: number, verb: string[]): string {
  const program = `${programDirectory}/redis-cluster`;
  return commandLine(["sudo", "-n", program, "within", String(seconds), ...verb]);
}
