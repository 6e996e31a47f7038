import * as pulumi from "@pulumi/pulumi";
import { DynamicResource, RouteInputs } from "./dynamic";
import type { Membership } from "./membership";

export interface DecommissionArgs extends RouteInputs, Membership {
  /** Stands for everything that is staged in the group: what an override is good for. */
  plan: pulumi.Input<string>;
  override?: string;
  /** Those of a node and of a sentinel, at which the group's daemons reach each other. */
  ports: number[];
  /** After how many seconds a host's leaving is ended. */
  limit: number;
}

/**
 * Pulumi deletes last, after the check that closes a run, and that would wait for ever for a host less. So a host that
 * was taken off the list leaves here, once all is staged and before anything becomes live: it hands over if it is the
 * master, and stops. Its delete, at the end, takes away what is left. Of one that is gone it is made sure that nobody
 * reaches it. A host that stays and is to have no sentinel any more stops that here.
 */
export class Decommission extends DynamicResource {
  constructor(name: string, args: DecommissionArgs, opts?: pulumi.CustomResourceOptions) {
    super("decommission", "Decommission", name, { ...args }, opts);
  }
}
