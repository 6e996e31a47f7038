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
} from "./hostProgram";
import { commandLine } from "./shell";

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

// One look; longer means that the host is stuck.
const deadlineSeconds = 60;

// Python may have to be installed first.
const programSeconds = 600;

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
    : asRoot(["sh", "-s", "--", ...whose]);
  const stdin = repair.apply((id) =>
    installed
      ? `${programSums()}\n${repaired(id)}`
      : `${programSums().replace(/^(?=.)/gm, "# ")}${repaired(id)}${ownerCheck()}`,
  );
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

/** The id of a repair: what it is in is written again. */
export const repaired = (id: string): string => (id === "" ? "" : `# repair ${id}\n`);

/** A host that has nothing of ours yet has to let the SSH user run anything as root. */
const asRoot = (words: string[], seconds = deadlineSeconds) =>
  commandLine(["sudo", "-n", "timeout", "-k", "5", String(seconds), ...words]);

const silent = (name: string, args: remote.CommandArgs, opts: pulumi.CustomResourceOptions) =>
  new remote.Command(
    name,
    { logging: remote.Logging.None, addPreviousOutputInEnv: false, ...args },
    opts,
  );
