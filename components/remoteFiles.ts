import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./connection";
import { fileWriter, hostCommand, hostProgram, programDirectory, programSums } from "./hostProgram";
import { commandLine } from "./shell";

export interface RemoteFilesArgs {
  connection: pulumi.Input<Connection>;
  /** What is in them, by name; it travels on standard input only. */
  files: Record<string, pulumi.Input<string>>;
  /** The files are written again when it changes. */
  repair: pulumi.Input<string>;
}

export interface RemoteProgramArgs {
  connection: pulumi.Input<Connection>;
  /** Whether an administrator installed the program: then it is compared, and not written. */
  installed: boolean;
  /** It is written or compared again when it changes. */
  repair: pulumi.Output<string>;
}

// One write of small files; longer means that the host is stuck.
const deadlineSeconds = 60;

/**
 * Stages files on a host, each put there in one rename. They travel together, since a login costs more than a
 * file; in a preview's diff each stands below a line with its name. A component's claim takes them away, not
 * their own resource: a delete runs last in a replacement.
 *
 * @returns the Command; its stdout is a fresh id each time the files are written.
 */
export function remoteFiles(
  name: string,
  { connection, files, repair }: RemoteFilesArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const create = hostCommand(deadlineSeconds, ["stage"]);
  return silent(name, { connection, create, stdin: together(files, repair) }, opts);
}

/**
 * The program that the host's units and all steps call, by a script that writes files whole, which comes first.
 *
 * @returns the Command; its stdout is a fresh id each time the program is written or compared.
 */
export function remoteProgram(
  prefix: string,
  { connection, installed, repair }: RemoteProgramArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  if (installed) {
    const stdin = repair.apply((id) => `${programSums("")}${repaired(id)}`);
    const create = hostCommand(deadlineSeconds, ["check-programs"]);
    return silent(`${prefix}-program`, { connection, create, stdin }, opts);
  }
  const writer = silent(
    `${prefix}-write-files`,
    {
      connection,
      create: asRoot([
        ...["install", "-D", "-m", "0755", "-o", "root", "-g", "root", "/dev/stdin"],
        `${programDirectory}/write-files`,
      ]),
      stdin: repair.apply(fileWriter),
    },
    opts,
  );
  return silent(
    `${prefix}-program`,
    {
      connection,
      create: asRoot([`${programDirectory}/write-files`, programDirectory, "0755", "root:root"]),
      stdin: together({ "redis-cluster": hostProgram() }, repair),
    },
    { ...opts, dependsOn: writer },
  );
}

/** Files as write-files takes them. */
function together(
  files: Record<string, pulumi.Input<string>>,
  repair: pulumi.Input<string>,
): pulumi.Output<string> {
  const contents = Object.entries(files).map(([file, content]) =>
    pulumi.output(content).apply((text) => `==> ${file} <==\n${text.replace(/\n*$/, "\n")}`),
  );
  return pulumi
    .all([repair, ...contents])
    .apply(([id, ...texts]) => [...texts, "==> end <==\n", repaired(id)].join(""));
}

const repaired = (id: string) => (id === "" ? "" : `# repair ${id}\n`);

/** A host that has nothing of ours yet has to let the SSH user run anything as root. */
const asRoot = (words: string[]) =>
  commandLine(["sudo", "-n", "timeout", "-k", "5", String(deadlineSeconds), ...words]);

const silent = (name: string, args: remote.CommandArgs, opts: pulumi.CustomResourceOptions) =>
  new remote.Command(
    name,
    { logging: remote.Logging.None, addPreviousOutputInEnv: false, ...args },
    opts,
  );
