import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { programDirectory } from "../names";
import { templates } from "../project";
import { commandLine } from "./shell";

const parts = join(templates, "host");

/** Its directory of Python, which is replaced whole. */
export const pythonPackage = "redis_cluster";

/** The script that all files are written with. */
export function fileWriter(): string {
  return readFileSync(join(templates, "write-files.sh"), "utf8");
}

/** It is the same for every host of a run, and takes reading and hashing some hundred files. */
const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => (made ??= make());
};

/** As sha256sum writes it: by this a host tells whether somebody edited one. */
const programSums = once((): string =>
  Object.entries(programs())
    .map(([name, text]) => `${createHash("sha256").update(text).digest("hex")}  ${name}\n`)
    .join(""),
);

/** The sum of their sums. */
export const programHash = once((): string =>
  createHash("sha256").update(programSums()).digest("hex"),
);

/** All of them, by their paths below their directory, and their sums. */
export const hostPrograms = (): Record<string, string> => ({ ...programs(), sums: programSums() });

const programs = once((): Record<string, string> => ({
  "write-files": fileWriter(),
  "watch-firewall": readFileSync(join(templates, "watch-firewall.sh"), "utf8"),
  logrotate: readFileSync(join(templates, "logrotate"), "utf8"),
  needrestart: readFileSync(join(templates, "needrestart"), "utf8"),
  "redis-cluster": rootProgram(),
  ...hostPackage(),
}));

/** Files as write-files takes them on its standard input. */
export function sections(files: Record<string, string>): string {
  const section = ([name, text]: [string, string]) =>
    `==> ${name} <==\n${text.replace(/\n*$/, "\n")}`;
  return [...Object.entries(files).map(section), "==> end <==\n"].join("");
}

/** Lines, and below them files, each put in its place in one rename; a diff shows them by line. */
export const followed = ([lines, files]: [string, Record<string, string>]): string =>
  `${lines}\n${sections(files)}`;

/** All programs as write-files takes them: in gzip, for slow lines. */
export const packedPrograms = once((): string =>
  gzipSync(sections(hostPrograms())).toString("base64"),
);

/**
 * The program that a host's units and this program's steps call, and all of it that runs as root: the files in
 * templates/host/root as one, whose checksum a line for sudo has.
 */
export function rootProgram(): string {
  const root = join(parts, "root");
  return readdirSync(root)
    .sort()
    .map((file) => readFileSync(join(root, file), "utf8"))
    .join("");
}

/** What directs it, as redis: modules of Python, by their paths below the directory of programs. */
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

/** Tells whose a host is that may have nothing of ours yet. */
export const ownerCheck = (): string => readFileSync(join(templates, "check-owner.sh"), "utf8");

/**
 * The command line of a verb of the host program, which ends it after so many seconds. Nothing else has to be
 * allowed to the SSH user where an administrator has installed that program.
 */
export function hostCommand(instance: string | undefined, seconds: number, verb: string[]): string {
  const program = `${programDirectory(instance)}/redis-cluster`;
  return commandLine(["sudo", "-n", program, "within", String(seconds), ...verb]);
}

/**
 * A command line that runs as root, and is ended after so many seconds, on a host that has nothing of ours yet: it has to
 * let the SSH user run anything.
 */
export const asRoot = (seconds: number, words: string[]): string =>
  commandLine(["sudo", "-n", "timeout", "-k", "5", String(seconds), ...words]);
