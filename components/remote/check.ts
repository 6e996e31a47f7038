import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./connection";
import { asRoot, hostCommand, ownerCheck, programHash } from "./hostProgram";

export interface RemoteCheckArgs {
  connection: pulumi.Input<Connection>;
  instance: string | undefined;
  /** Project and stack, the master's name, and the consent of a stack that was renamed. */
  owner: string;
  masterName: string;
  renamed?: string;
  /** Whether an administrator installed the program: then it is compared too, and never written. */
  installed: boolean;
  /** It is looked again when it changes. */
  repair: pulumi.Output<string>;
}

// One look; longer means that the host is stuck.
const deadlineSeconds = 60;

/**
 * Refuses a host that is another stack's. It writes nothing: a run writes to no host before every host was looked at.
 *
 * @returns the Command; it runs again, with a fresh id as its stdout, before each writing of the program.
 */
export function remoteCheck(
  name: string,
  { connection, instance, owner, masterName, renamed, installed, repair }: RemoteCheckArgs,
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const consent = renamed === undefined ? [] : [renamed];
  const whose = [owner, masterName, ...consent];
  // Where there is no program that knows by itself; a dash is no consent.
  const named = instance === undefined ? whose : [owner, masterName, renamed ?? "-", instance];
  return new remote.Command(
    name,
    {
      connection,
      create: installed
        ? hostCommand(instance, deadlineSeconds, ["check-programs", ...whose])
        : asRoot(deadlineSeconds, ["sh", "-s", "--", ...named]),
      stdin: repair.apply((id) =>
        installed
          ? `program ${programHash()} sums\n${repaired(id)}`
          : `# program ${programHash()}\n${repaired(id)}${ownerCheck()}`,
      ),
      logging: remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    opts,
  );
}

/** The id of a repair: what it is in is written again. */
export const repaired = (id: string): string => (id === "" ? "" : `# repair ${id}\n`);
