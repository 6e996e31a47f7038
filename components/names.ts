/**
 * What a group's things are called on its hosts; templates/host/root/base.py and redis_cluster/paths.py tell the same
 * from where the program lies. Here alone a stack's `instance` becomes names.
 */
export interface Names {
  /** Of the node's unit, of what stands beside it, and of every directory: redis-cluster, or redis-cluster-cache. */
  cluster: string;
  /** Of the sentinel's unit. */
  sentinel: string;
  /** Of nftables. */
  table: string;
}

/** An instance. Without a dash, so that no group's name is another's with something behind it. */
export const instanceForm = /^[a-z][a-z0-9]{0,15}$/;

/** @param instance - undefined: the group that has no name on its hosts */
export function namesOf(instance: string | undefined): Names {
  const suffix = instance === undefined ? "" : `-${instance}`;
  const cluster = `redis-cluster${suffix}`;
  const table = cluster.replaceAll("-", "_");
  return { cluster, sentinel: `redis-sentinel${suffix}`, table };
}

/** Where the group's programs live on a host. They are every group's, and go by this for what is theirs. */
export const programDirectory = (instance: string | undefined): string =>
  `/usr/local/lib/${namesOf(instance).cluster}`;
