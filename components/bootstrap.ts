import * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "./dynamic";
import type { RouteArgs } from "./sshRoute";

export interface BootstrapArgs extends Omit<RouteArgs, "privateKey"> {
  bootstrapMaster: string;
  /** What the check at the end of the run connects to by way of each host. */
  nodes: { name: string; address: string; port: number }[];
  after: pulumi.Input<string>[];
  /** OpenSSH private key, kept secret; unset: the SSH agent logs in. */
  privateKey?: pulumi.Input<string>;
}

/**
 * Every host says what it holds, whenever the program of any of them was written anew, and which of them is the first
 * master follows from that. Asked and decided in one step, so that a refusal is never decided by what was said in an earlier run.
 */
export class Bootstrap extends DynamicResource {
  /** The host to mark; "" where the group needs no bootstrap. */
  declare readonly chosen: pulumi.Output<string>;
  /** Another one each time the hosts were asked. */
  declare readonly round: pulumi.Output<string>;

  constructor(name: string, args: BootstrapArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      "bootstrap",
      "Bootstrap",
      name,
      {
        ...args,
        privateKey: args.privateKey === undefined ? undefined : pulumi.secret(args.privateKey),
        chosen: undefined,
        round: undefined,
      },
      opts,
    );
  }
}
