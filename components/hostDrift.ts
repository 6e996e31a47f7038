import * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "./dynamic";
import type { RouteArgs } from "./sshRoute";

export interface HostDriftArgs extends Omit<RouteArgs, "privateKey"> {
  /** OpenSSH private key, kept secret; unset: the SSH agent logs in. */
  privateKey?: pulumi.Input<string>;
}

/**
 * What somebody changed by hand on the hosts, looked for by `pulumi refresh` alone. A host on which there is
 * something gets another `repair` id: its files are written again and its steps, which put it right, run.
 */
export class HostDrift extends DynamicResource {
  /** An id by host; "" where nothing was ever found. */
  declare readonly repair: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: HostDriftArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      "hostDrift",
      "HostDrift",
      name,
      {
        ...args,
        privateKey: args.privateKey === undefined ? undefined : pulumi.secret(args.privateKey),
        drift: [],
        repair: {},
        unreachable: undefined,
      },
      opts,
    );
  }
}
