/** By what a stack's group is told from others on the same hosts. */
import { instanceForm, namesOf } from "../names";
import type { Checker } from "./checker";
import { under } from "./path";
import { show } from "./problem";
import { HostConfig, nodeHosts } from "./topology";

// What stands beside the daemons of the group without a name is called redis-cluster-backup, and so on.
const taken = ["backup", "firewall", "kernel", "stamp", "return"];

/** @param adopt - whether the legacy group is taken over, whose names are those of the group without one */
export function readInstance(
  check: Checker,
  value: string | undefined,
  adopt: boolean,
): string | undefined {
  const instance = value === "" ? undefined : value;
  if (instance === undefined) return undefined;
  check.text(
    instance,
    "instance",
    instanceForm,
    "at most 16 lower-case letters and digits, a letter first",
  );
  if (taken.includes(instance)) {
    check.problem("instance", show(instance), `another name than ${taken.join(", ")}`);
  }
  if (adopt) {
    check.problem(
      "instance",
      "is set while adoptPassword is",
      "no instance: a legacy group is taken over under the names that it has",
    );
  }
  return instance;
}

/** The socket of a node is in the directory that its unit makes. */
export function refuseOtherSockets(
  check: Checker,
  hosts: HostConfig[],
  instance: string | undefined,
): void {
  const directory = `/run/${namesOf(instance).cluster}/node/`;
  for (const { name, redis } of nodeHosts(hosts)) {
    const { unixsocket = '""' } = redis;
    if (unixsocket !== '""' && !unixsocket.startsWith(directory)) {
      check.problem(
        `${under("hosts", name)}.redis.unixsocket`,
        show(unixsocket),
        `a path below ${directory}`,
      );
    }
  }
}
