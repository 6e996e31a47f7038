import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./connection";
import { followed, hostCommand } from "./hostProgram";
import { idOf } from "./protocol";

export interface RemoteStepArgs {
  connection: pulumi.Input<Connection>;
  instance: string | undefined;
  /** The host program's verb and its arguments. */
  verb: string[];
  /** The step runs again whenever one of these ran: what staged its files, and the steps before it. */
  after: remote.Command[];
  /** The verb by which its delete takes back what it has begun; default: a delete does nothing. */
  undo?: string[];
  /** What the verb reads, where it reads anything. */
  stdin?: pulumi.Input<string>;
  /** What it stages first, by name. */
  files?: Record<string, pulumi.Input<string>>;
  /** Stands for everything that is staged in the group: what an override is good for. */
  plan: pulumi.Input<string>;
  /** After how many seconds the step is ended. */
  limit: number;
  /** The hash of the refused run that may be carried out in spite of a red gate. */
  override?: string;
}

/**
 * A step on a host: the host program compares what runs with what is wanted and does what is owed. What it
 * did stands in the run's output.
 *
 * @returns the Command; its stdout, one line of what it did, ends with another id each time the step runs.
 */
export function remoteStep(
  name: string,
  args: RemoteStepArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const lines = pulumi
    .all([args.stdin ?? "", args.plan, ...args.after.map(idOf)])
    .apply(([input, plan, ...ids]) =>
      [
        ...(input === "" ? [] : [input]),
        ...ids.map((id) => `# after ${id}`),
        `# plan ${plan}`,
        ...(args.override === undefined ? [] : [`# override ${args.override}`]),
      ].join("\n"),
    );
  return new remote.Command(
    name,
    {
      connection: args.connection,
      create: hostCommand(args.instance, args.limit, args.verb),
      ...(args.undo && { delete: hostCommand(args.instance, args.limit, args.undo) }),
      stdin: args.files ? pulumi.all([lines, args.files]).apply(followed) : lines,
      // Errors come with the failure itself.
      logging: remote.Logging.Stdout,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}
