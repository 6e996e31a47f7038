/** Who is in a group, as it was and as it shall be: what of a change can be carried out in one run. Pure. */

export interface Membership {
  nodes: { name: string; address: string }[];
  /** The hosts that have a sentinel. */
  sentinels: string[];
  /** Hosts that are gone for good, still named in the configuration. */
  gone: string[];
}

/** The hosts that have to leave: they were members, and are neither that nor gone. */
export function leaving(olds: Membership, news: Membership): string[] {
  const stays = new Set([...news.nodes.map(({ name }) => name), ...news.gone]);
  return olds.nodes.map(({ name }) => name).filter((name) => !stays.has(name));
}

/** Why the group cannot go from the one to the other in one run; nothing where it can. */
export function refusedMembership(olds: Membership, news: Membership): string[] {
  const refused: string[] = [];
  const was = new Map(olds.nodes.map(({ name, address }) => [name, address]));
  for (const { name, address } of news.nodes) {
    const before = was.get(name);
    if (before !== undefined && before !== address) {
      refused.push(
        `redis-cluster:hosts.${name}.address is ${address}; expected ${before}, by which the other members know it. ` +
          "Set it back. Another machine, or another network, is another host: add it under a name of its own, run " +
          `pulumi up, then take ${name} off the list and run pulumi up again`,
      );
    }
    const other = olds.nodes.find((each) => each.address === address && each.name !== name);
    if (before === undefined && other && !news.nodes.some((each) => each.name === other.name)) {
      refused.push(
        `redis-cluster:hosts.${name} is at ${address}, which is ${other.name}'s; expected that it keeps that name, ` +
          "under which its files and its state are. Set it back",
      );
    }
  }
  const off = leaving(olds, news);
  if (off.length > 1) {
    refused.push(
      `redis-cluster:hosts has ${off.join(" and ")} no more; expected one host less in a run, so that a master always ` +
        `has replicas enough to take writes. Leave ${off.slice(1).join(" and ")} for the next run`,
    );
  }
  const stay = olds.sentinels.filter((name) => news.sentinels.includes(name));
  if (olds.sentinels.length > 0 && 2 * stay.length <= olds.sentinels.length) {
    const less = olds.sentinels.filter((name) => !news.sentinels.includes(name));
    refused.push(
      `redis-cluster:hosts has the sentinels on ${less.join(" and ")} no more; expected that a majority of the ` +
        `${olds.sentinels.length} stays, which alone can fail over. Take fewer off in this run; machines that are lost ` +
        "are replaced under the same names",
    );
  }
  return refused;
}
