import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Migration, TopologyConfig } from "./config/topology";
import { connectionTo } from "./remote/connection";
import { remoteStep } from "./remote/step";

/**
 * Takes the group to where the stack wants it in its move from the legacy Redis: one host, that of the bootstrap
 * master, directs whoever is the master. Taken out of the stack, the group goes on with what it has.
 *
 * @param plan as of a step
 * @param after the last steps of the rollout, which has to be over
 * @returns the Command; its stdout ends with how far that is
 */
export function migrationStep(
  config: TopologyConfig,
  migration: Migration,
  plan: pulumi.Input<string>,
  after: remote.Command[],
  opts: pulumi.CustomResourceOptions,
): remote.Command {
  const { stage, address, port, user } = migration;
  const [host] = config.hosts.slice(-1);
  const { migratePassword } = config.secrets;
  const lines = user ? [`user ${user}`] : [];
  return remoteStep(
    "migration",
    {
      connection: connectionTo(host, config),
      instance: config.instance,
      // In the command line a preview shows it, beside a password it would not.
      verb: ["migrate", stage, address, String(port)],
      undo: ["migrate", "stop"],
      after,
      stdin: migratePassword
        ? migratePassword.apply((password) => [...lines, `password ${password}`].join("\n"))
        : lines.join("\n"),
      plan,
      limit: config.limits.step,
      override: config.override,
    },
    opts,
  );
}
