import * as pulumi from "@pulumi/pulumi";
import { DynamicResource, RouteInputs } from "./dynamic";

export interface HostDriftArgs extends RouteInputs {
  /** Where each host's node is, or its sentinel where it has no node: what forbids the way there is refused before any host is changed. */
  nodes: { name: string; address: string; port: number }[];
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
        drift: [],
        repair: {},
        unreachable: undefined,
        untried: undefined,
      },
      opts,
    );
  }
}
