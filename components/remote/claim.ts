import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./connection";
import { repaired } from "./check";
import { followed, hostCommand } from "./hostProgram";
import { idOf, Ran } from "./protocol";

export interface RemoteClaimArgs {
  connection: pulumi.Input<Connection>;
  instance: string | undefined;
  component: "node" | "sentinel";
  /** The stack, which alone may take it away. */
  owner: string;
  /** What wrote the host program last; the claim belongs to its id. */
  program: Ran;
  /** Whether taking the component away takes its data too. */
  deleteData: boolean;
  /** After how many seconds it is ended. */
  limit: number;
  /** What else it reads, line by line. */
  lines: string[];
  /** What it stages, by name. */
  files: Record<string, pulumi.Input<string>>;
  /** The files are staged again when it changes. */
  repair: pulumi.Input<string>;
}

/**
 * The one resource of a component whose delete acts: it stops the service and removes what is ours. It stages the
 * component's files too, since a login costs more than they do.
 *
 * @returns the Command; its stdout is a fresh id each time it runs.
 */
export function remoteClaim(
  name: string,
  args: RemoteClaimArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const token = idOf(args.program);
  const lines = [`owner ${args.owner}`, ...args.lines].join("\n");
  const command = (verb: string, ...last: string[]) =>
    token.apply((id) =>
      hostCommand(args.instance, args.limit, [verb, args.component, id, ...last]),
    );
  return new remote.Command(
    name,
    {
      connection: args.connection,
      create: command("claim", "new"),
      update: command("claim"),
      delete: command("unclaim", args.deleteData ? "delete-data" : "keep-data", args.owner),
      stdin: pulumi
        .all([args.files, args.repair])
        .apply(([files, id]) => followed([lines, files]) + repaired(id)),
      logging: remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}

/** What a claim becomes whose host is dead: it runs nothing, at a host that lives, and has no delete. */
export function emptyCommand(
  name: string,
  connection: pulumi.Input<Connection>,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  return new remote.Command(
    name,
    { connection, create: "true", logging: remote.Logging.None, addPreviousOutputInEnv: false },
    opts,
  );
}
