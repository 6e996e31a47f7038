import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./connection";
import {
  fileWriter,
  hostCommand,
  ownerCheck,
  packedPrograms,
  programDirectory,
  programSums,
  pythonPackage,
  rootProgram,
  sections,
} from "./hostProgram";
import { commandLine } from "./shell";

export interface RemoteFilesArgs {
  connection: pulumi.Input<Connection>;
  /** The stack, whose the host has to be. */
  owner: string;
  /** What is in them, by name; it travels on standard input only. */
  files: Record<string, pulumi.Input<string>>;
  /** The files are written again when it changes. */
  repair: pulumi.Input<string>;
}

export interface RemoteCheckArgs {
  connection: pulumi.Input<Connection>;
  /** Project and stack, the master's name, and the consent of a stack that was renamed. */
  owner: string;
  masterName: string;
  renamed?: string;
  /** Whether an administrator installed the program: then it is compared too, and never written. */
  installed: boolean;
  /** It is looked again when it changes. */
  repair: pulumi.Output<string>;
}

export interface RemoteProgramArgs {
  connection: pulumi.Input<Connection>;
  /** The program is written again when it changes. */
  repair: pulumi.Output<string>;
}

// One write of small files; longer means that the host is stuck.
const deadlineSeconds = 60;

// Python may have to be installed first.
const programSeconds = 600;

/**
 * Stages files on a host, each put there in one rename. They travel together, since a login costs more than a
 * file; in a preview's diff each stands below a line with its name. A component's claim takes them away, not
 * their own resource: a delete runs last in a replacement.
 *
 * @returns the Command; its stdout is a fresh id each time the files are written.
 */
export function remoteFiles(
  name: string,
  { connection, owner, files, repair }: RemoteFilesArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const create = hostCommand(deadlineSeconds, ["stage", owner]);
  return silent(name, { connection, create, stdin: together(files, repair) }, opts);
}

/**
 * Refuses a host that is another stack's. It writes nothing: a run writes to no host before every host was looked at.
 *
 * @returns the Command; it runs again, with a fresh id as its stdout, before each writing of the program.
 */
export function remoteCheck(
  name: string,
  { connection, owner, masterName, renamed, installed, repair }: RemoteCheckArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const whose = [owner, masterName, ...(renamed === undefined ? [] : [renamed])];
  const create = installed
    ? hostCommand(deadlineSeconds, ["check-programs", ...whose])
    : asRoot(["sh", "-c", ownerCheck(), "check-owner", ...whose]);
  const text = installed ? programSums() : rootProgram() + programSums().replace(/^/gm, "# ");
  const stdin = repair.apply((id) => `${text}\n${repaired(id)}`);
  return silent(name, { connection, create, stdin }, opts);
}

/**
 * The program that the host's units and all steps call, and the script that writes files whole.
 *
 * @returns the Command; its stdout is a fresh id each time they are written.
 */
export function remoteProgram(
  name: string,
  { connection, repair }: RemoteProgramArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const write = ["bash", "-s", "--", programDirectory, "0755", "root:root", pythonPackage];
  const create = asRoot(write, programSeconds);
  const stdin = repair.apply((id) => repaired(id) + fileWriter() + packedPrograms());
  return silent(name, { connection, create, stdin }, opts);
}

/** Files as write-files takes them, with the id of a repair. */
function together(
  files: Record<string, pulumi.Input<string>>,
  repair: pulumi.Input<string>,
): pulumi.Output<string> {
  return pulumi.all([files, repair]).apply(([texts, id]) => sections(texts) + repaired(id));
}

const repaired = (id: string) => (id === "" ? "" : `# repair ${id}\n`);

/** A host that has nothing of ours yet has to let the SSH user run anything as root. */
const asRoot = (words: string[], seconds = deadlineSeconds) =>
  commandLine(["sudo", "-n", "timeout", "-k", "5", String(seconds), ...words]);

const silent = (name: string, args: remote.CommandArgs, opts: pulumi.CustomResourceOptions) =>
  new remote.Command(
    name,
    { logging: remote.Logging.None, addPreviousOutputInEnv: false, ...args },
    opts,
  );
