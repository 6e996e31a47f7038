import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./connection";
import { hostCommand } from "./hostProgram";
import { lastLine } from "./shell";

export interface RemoteStepArgs {
  connection: pulumi.Input<Connection>;
  /** The host program's verb and its arguments. */
  verb: string[];
  /** The step runs again whenever one of these changes: ids of files and of the steps before it. */
  after: pulumi.Input<string>[];
  /** What the verb reads, where it reads anything. */
  stdin?: pulumi.Input<string>;
  /** Stands for the whole group's staged files: what an override is good for. */
  plan: string;
  /** The hash of the refused run that may be carried out in spite of a red gate. */
  override?: string;
}

export interface RemoteClaimArgs {
  connection: pulumi.Input<Connection>;
  component: "node" | "sentinel";
  /** The id of the host program's last writing, which the claim belongs to. */
  token: pulumi.Input<string>;
  /** Whether taking the component away takes its data too. */
  deleteData: boolean;
  /** What the claim reads, where it reads anything. */
  stdin?: pulumi.Input<string>;
}

// A package installation, or a replica's full sync of a large data set, fits; a stuck host is let go.
const deadlineSeconds = 900;

/**
 * A step on a host: the host program compares what runs with what is wanted and does what is owed. What it
 * did stands in the run's output.
 *
 * @returns the Command; its stdout, one line of what it did, is another each time the step runs.
 */
export function remoteStep(
  name: string,
  args: RemoteStepArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const stdin = pulumi
    .all([args.stdin ?? "", ...args.after])
    .apply(([input, ...ids]) =>
      [
        ...(input === "" ? [] : [input]),
        ...ids.map((id) => `# after ${lastLine(id)}`),
        `# plan ${args.plan}`,
        ...(args.override === undefined ? [] : [`# override ${args.override}`]),
      ].join("\n"),
    );
  return new remote.Command(
    name,
    {
      connection: args.connection,
      create: hostCommand(deadlineSeconds, args.verb),
      stdin,
      // Errors come with the failure itself.
      logging: remote.Logging.Stdout,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}

/** The one resource of a component whose delete acts: it stops the service and removes what is ours. */
export function remoteClaim(
  name: string,
  args: RemoteClaimArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const token = pulumi.output(args.token);
  const command = (verb: string, ...last: string[]) =>
    token.apply((id) =>
      hostCommand(deadlineSeconds, [verb, args.component, lastLine(id), ...last]),
    );
  return new remote.Command(
    name,
    {
      connection: args.connection,
      create: command("claim", "new"),
      update: command("claim"),
      delete: command("unclaim", args.deleteData ? "delete-data" : "keep-data"),
      stdin: args.stdin,
      logging: remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}
