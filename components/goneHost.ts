import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { GoneHost } from "./config/topology";

/**
 * What is left in the state of a host that is gone for good: its claims, as they were made, and marked so that the run
 * in which they go too has nobody carry out their deletes. Pulumi has that mark only while a resource is still there.
 */
export function keepGone(
  { name, hadSentinel }: GoneHost,
  opts: pulumi.ComponentResourceOptions,
): void {
  keep("RedisNode", `${name}-node`, `${name}-node-install`, opts);
  if (hadSentinel) keep("RedisSentinel", `${name}-sentinel`, `${name}-sentinel-claim`, opts);
}

function keep(
  type: string,
  component: string,
  claim: string,
  opts: pulumi.ComponentResourceOptions,
) {
  const parent = new pulumi.ComponentResource(`redis-cluster:index:${type}`, component, {}, opts);
  new remote.Command(
    claim,
    // Of all these the state's own values stay.
    { connection: { host: "gone" } },
    {
      parent,
      retainOnDelete: true,
      ignoreChanges: [
        ...["connection", "create", "update", "delete", "stdin"],
        ...["logging", "addPreviousOutputInEnv"],
      ],
    },
  );
}
