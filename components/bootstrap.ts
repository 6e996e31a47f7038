import * as pulumi from "@pulumi/pulumi";
import { DynamicResource, RouteInputs } from "./dynamic";

export interface BootstrapArgs extends RouteInputs {
  bootstrapMaster: string;
  /** What the check at the end of the run connects to by way of each host. */
  nodes: { name: string; address: string; port: number }[];
  after: pulumi.Input<string>[];
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
        chosen: undefined,
        round: undefined,
      },
      opts,
    );
  }
}
