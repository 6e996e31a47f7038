import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./connection";
import { programDirectory } from "./hostProgram";
import { commandLine } from "./shell";

export interface RemoteFileArgs {
  connection: pulumi.Input<Connection>;
  /** Where on the host. */
  path: string;
  /** Its mode, octal. */
  mode: string;
  /** `owner:group` on the host. */
  owner: string;
  /** What is in it; it travels on standard input only. */
  content: pulumi.Input<string>;
}

// One write of a small file; longer means that the host is stuck.
const deadlineSeconds = "60";

/**
 * A file on a host, written in one rename. A component's claim takes it away, not the file's own
 * resource: a delete runs last in a replacement.
 *
 * @returns the Command; its stdout is a fresh id each time the file is written.
 */
export function remoteFile(
  name: string,
  args: RemoteFileArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  return new remote.Command(
    name,
    {
      connection: args.connection,
      create: commandLine([
        ...["sudo", "-n", "timeout", "-k", "5", deadlineSeconds],
        ...[`${programDirectory}/write-file`, args.path, args.mode, args.owner],
      ]),
      stdin: args.content,
      logging: remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}

/** Puts the script that writes all other files on a host that has nothing of ours yet. */
export function remoteFileWriter(
  name: string,
  args: { connection: pulumi.Input<Connection>; content: string },
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  return new remote.Command(
    name,
    {
      connection: args.connection,
      create: commandLine([
        ...["sudo", "-n", "timeout", "-k", "5", deadlineSeconds, "install", "-D"],
        ...["-m", "0755", "-o", "root", "-g", "root", "/dev/stdin"],
        `${programDirectory}/write-file`,
      ]),
      stdin: args.content,
      logging: remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}
