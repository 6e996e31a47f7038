import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./connection";
import { programDirectory } from "./hostProgram";
import { commandLine } from "./shell";

export interface RemoteFilesArgs {
  connection: pulumi.Input<Connection>;
  /** Where on the host. */
  directory: string;
  /** Their mode, octal. */
  mode: string;
  /** `owner:group` on the host. */
  owner: string;
  /** What is in them, by name; it travels on standard input only. */
  files: Record<string, pulumi.Input<string>>;
  /** The files are written again when it changes. */
  repair: pulumi.Input<string>;
}

// One write of small files; longer means that the host is stuck.
const deadlineSeconds = "60";

const command = (words: string[]) =>
  commandLine(["sudo", "-n", "timeout", "-k", "5", deadlineSeconds, ...words]);

/**
 * Files of one directory on a host, each written in one rename. They travel together, since a login costs
 * more than a file; in a preview's diff each stands below a line with its name. A component's claim takes
 * them away, not their own resource: a delete runs last in a replacement.
 *
 * @returns the Command; its stdout is a fresh id each time the files are written.
 */
export function remoteFiles(
  name: string,
  args: RemoteFilesArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const contents = Object.entries(args.files).map(([file, content]) =>
    pulumi.output(content).apply((text) => `==> ${file} <==\n${text.replace(/\n*$/, "\n")}`),
  );
  return new remote.Command(
    name,
    {
      connection: args.connection,
      create: command([
        `${programDirectory}/write-files`,
        ...[args.directory, args.mode, args.owner],
      ]),
      stdin: pulumi
        .all([args.repair, ...contents])
        .apply(([repair, ...texts]) => [...texts, "==> end <==\n", repaired(repair)].join("")),
      logging: remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}

const repaired = (id: string) => (id === "" ? "" : `# repair ${id}\n`);

/** Puts the script that writes all other files on a host that has nothing of ours yet. */
export function remoteFileWriter(
  name: string,
  args: { connection: pulumi.Input<Connection>; content: pulumi.Input<string> },
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  return new remote.Command(
    name,
    {
      connection: args.connection,
      create: command([
        ...["install", "-D", "-m", "0755", "-o", "root", "-g", "root", "/dev/stdin"],
        `${programDirectory}/write-files`,
      ]),
      stdin: args.content,
      logging: remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}
