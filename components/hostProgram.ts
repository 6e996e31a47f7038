import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const templates = join(__dirname, "..", "templates");
const parts = join(templates, "host");

/** Where the host's programs live. */
export const programDirectory = "/usr/local/lib/redis-cluster";

/** Where what Pulumi wants lies on a host until a rollout step makes it live. */
export const stagedDirectory = "/etc/redis-cluster/staged";

/** The script that every other file is written with. */
export function fileWriter(): string {
  return readFileSync(join(templates, "write-files.sh"), "utf8");
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
