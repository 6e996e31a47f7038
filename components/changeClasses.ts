import * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "./dynamic";
import type { GroupSettings } from "./release/changes";
import type { Created, FoundBy } from "./release/refusals";

export interface ChangeClassesArgs {
  /** What running daemons take. */
  live: GroupSettings;
  /** What makes them restart. */
  restart: GroupSettings;
  /** Settings that hold the data together, by host: a change of one is refused. */
  created: Created[];
  /** By what the group is found; a change is refused in the same way. */
  foundBy: FoundBy;
  /** Of the package redis-server; an older line of it is refused, and a newer one told. */
  packageVersion?: string;
}

/**
 * All that the group runs with, by what a change of it does; noted once a rollout has come to its end. It does nothing
 * itself: its diff tells in which class a change is, and what may not be changed is refused in the preview.
 */
export class ChangeClasses extends DynamicResource {
  constructor(name: string, args: ChangeClassesArgs, opts?: pulumi.CustomResourceOptions) {
    super("changeClasses", "ChangeClasses", name, { ...args }, opts);
  }
}
