/** Who is in a group, as it was and as it shall be: what of a change can be carried out in one run. Pure. */

export interface Membership {
  /** Every host; by this name states of before have them. */
  nodes: { name: string; address: string }[];
  /** The hosts that have a sentinel. */
  sentinels: string[];
  /** Those of them that have no node. */
  nodeless: string[];
  /** The hosts that are dead and come back no more, by the operator's word. */
  gone: string[];
}

/** The hosts that have to leave: they were members, and are none any more. */
function leaving(olds: Membership, news: Membership): string[] {
  const stays = new Set(news.nodes.map(({ name }) => name));
  return olds.nodes.map(({ name }) => name).filter((name) => !stays.has(name));
}

/** Those that have left the list, and are asked to stop. */
export function asked(olds: Membership, news: Membership): string[] {
  return leaving(olds, news).filter((name) => !news.gone.includes(name));
}

/** Those that have left the list, and are dead. */
export function givenUp(olds: Membership, news: Membership): string[] {
  return leaving(olds, news).filter((name) => news.gone.includes(name));
}

/** Those that stay, and lose their sentinel. */
export function losingSentinel(olds: Membership, news: Membership): string[] {
  const gone = leaving(olds, news);
  return olds.sentinels.filter((name) => !news.sentinels.includes(name) && !gone.includes(name));
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
          `under which its files and its state are. Set it back. To rename it, take ${other.name} off the list, run ` +
          `pulumi up, and only then add ${name}`,
      );
    }
  }
  const off = asked(olds, news);
  const nodesOff = off.filter((name) => !olds.nodeless.includes(name));
  const dead = givenUp(olds, news);
  const losing = losingSentinel(olds, news);
  if (off.length > 0 && dead.length > 0) {
    refused.push(
      `redis-cluster:hosts has ${off.join(" and ")} no more, and redis-cluster:gone has ${dead.join(" and ")}; expected ` +
        `one after the other, since nobody hands over in a group that is not whole. Put ${off.join(" and ")} back for ` +
        "this run",
    );
  } else if (losing.length > 0 && dead.length > 0) {
    refused.push(
      `redis-cluster:hosts.${losing[0]}.sentinel is false, and redis-cluster:gone has ${dead.join(" and ")}; expected one ` +
        "after the other, since no sentinel stops in a group that is not whole. Set it back for this run",
    );
  } else if (nodesOff.length > 1) {
    refused.push(
      `redis-cluster:hosts has ${nodesOff.join(" and ")} no more; expected one host less in a run, so that a master always ` +
        `has replicas enough to take writes. Leave ${nodesOff.slice(1).join(" and ")} for the next run`,
    );
  }
  const sentinelsOff = olds.sentinels.filter((name) => [...off, ...losing].includes(name));
  if (sentinelsOff.length > 1 && sentinelsOff.length * 2 >= olds.sentinels.length) {
    refused.push(
      `redis-cluster:hosts has no sentinel on ${sentinelsOff.join(" and ")} any more; expected that a majority of the ` +
        `${olds.sentinels.length} sentinels stays, without which nobody fails over. Leave ` +
        `${sentinelsOff.slice(1).join(" and ")} for the next run`,
    );
  }
  for (const name of news.nodeless) {
    if (!was.has(name) || olds.nodeless.includes(name)) continue;
    refused.push(
      `redis-cluster:hosts.${name}.node is false; expected that the host keeps its node, which has data. Set it back, or ` +
        `take ${name} off the list and, in a run after that, add it without a node`,
    );
  }
  return refused;
}
