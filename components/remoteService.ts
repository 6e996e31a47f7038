import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./connection";
import { hostCommand, sections } from "./hostProgram";
import { idOf, Ran } from "./protocol";
import { repaired } from "./remoteProgram";

export interface RemoteStepArgs {
  connection: pulumi.Input<Connection>;
  /** The host program's verb and its arguments. */
  verb: string[];
  /** The step runs again whenever one of these ran: what staged its files, and the steps before it. */
  after: remote.Command[];
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

export interface RemoteClaimArgs {
  connection: pulumi.Input<Connection>;
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
      create: hostCommand(args.limit, args.verb),
      stdin: args.files ? pulumi.all([lines, args.files]).apply(followed) : lines,
      // Errors come with the failure itself.
      logging: remote.Logging.Stdout,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}

/** Lines, and below them files, each put in its place in one rename; a diff shows them by line. */
const followed = ([lines, files]: [string, Record<string, string>]) =>
  `${lines}\n${sections(files)}`;

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
    token.apply((id) => hostCommand(args.limit, [verb, args.component, id, ...last]));
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
