import * as pulumi from "@pulumi/pulumi";
import { Connection } from "./remote/connection";
import { emptyCommand } from "./remote/claim";

export interface GoneHostArgs {
  /** A host that stays. */
  connection: pulumi.Input<Connection>;
  /** What makes sure that the host is dead: until then its claims stay what they are. */
  after: pulumi.Resource;
}

/**
 * What the state has of a host that is dead. The delete of its claims would ask it, so they become Commands that ask
 * nothing, under the names that they have; what has no delete goes by itself.
 */
export function goneHost(
  host: string,
  args: GoneHostArgs,
  opts: pulumi.ComponentResourceOptions,
): void {
  for (const [type, prefix, claim] of [
    ["RedisNode", `${host}-node`, "install"],
    ["RedisSentinel", `${host}-sentinel`, "claim"],
  ]) {
    const parent = new pulumi.ComponentResource(`redis-cluster:index:${type}`, prefix, {}, opts);
    emptyCommand(`${prefix}-${claim}`, args.connection, { parent, dependsOn: args.after });
  }
}
