import * as pulumi from "@pulumi/pulumi";
import { DynamicResource, RouteInputs } from "./dynamic";
import type { Endpoint } from "./probe/gate";
import type { Group } from "./probe/daemons";

/** `hosts`: how each host of `nodes` and `sentinels` is reached by SSH, by its name. */
export interface SentinelQuorumArgs extends RouteInputs {
  masterName: string;
  /** Quorum that every sentinel shall have. */
  quorum: number;
  nodes: Endpoint[];
  sentinels: Endpoint[];
  /** Password of the ACL user `operator` on nodes and sentinels. Kept secret. */
  operatorPassword: pulumi.Input<string>;
  /** With what the daemons are asked by TLS, PEM; unset: in plain text. Kept secret. */
  tls?: pulumi.Input<Group["tls"]>;
  /** Another value than last time makes the check run: the id of the rollout that it closes. */
  rollout: pulumi.Input<string>;
  /** After how many seconds without any progress a group that is not whole fails the run. Default 60. */
  stallSeconds?: number;
  /** The "address:port" that the master may replicate: the legacy Redis from which the group moves. */
  follows?: string;
}

/**
 * The last step of every rollout: asks each sentinel and node itself, over SSH, until the group is
 * whole (see judge in probe/gate.ts). Fails with what each endpoint said when it is not in time. A
 * refresh brings in the live master.
 */
export class SentinelQuorum extends DynamicResource {
  /** Name of the host whose node was the master when last looked. */
  declare readonly currentMaster: pulumi.Output<string>;
  declare readonly currentMasterAddress: pulumi.Output<string>;
  /** Config-epoch of the sentinels: each failover raises it. */
  declare readonly epoch: pulumi.Output<number>;

  constructor(name: string, args: SentinelQuorumArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      "sentinelQuorum",
      "SentinelQuorum",
      name,
      {
        stallSeconds: 60,
        ...args,
        operatorPassword: pulumi.secret(args.operatorPassword),
        tls: args.tls === undefined ? undefined : pulumi.secret(args.tls),
        currentMaster: undefined,
        currentMasterAddress: undefined,
        epoch: undefined,
      },
      opts,
    );
  }
}
