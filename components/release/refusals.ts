/** What may not be changed in a group that runs. Pure. */

/** By what members and clients find a group: its name and its ports, by the key of the configuration. */
export type FoundBy = Record<string, string>;

/** What may not be changed any more while the group runs: members and clients would not find it. */
export function refusedNames(olds: FoundBy, news: FoundBy): string[] {
  return Object.entries(news).flatMap(([key, value]) => {
    const was = olds[key];
    if (was === undefined || was === value) return [];
    return [
      `redis-cluster:${key} is ${value}; expected ${was}, by which members and clients find the group that runs. ` +
        `Set it back: pulumi config set ${key.includes(".") ? "--path " : ""}${key} ${was}. For another one make a ` +
        "group of its own on other hosts and copy the data into it",
    ];
  });
}

/** Why a group that runs cannot get another name on its hosts, or lose it; nothing where it stays. */
export function refusedInstance(was: string | undefined, now: string | undefined): string[] {
  if (was === now) return [];
  const back = was === undefined ? "config rm instance" : `config set instance ${was}`;
  return [
    `redis-cluster:instance is ${now ?? "not set"}; expected ${was ?? "none"}, by which all that is this group's is ` +
      `named on its hosts. Set it back: pulumi ${back}. For a group beside it make a stack of its own`,
  ];
}

/** A host's creation settings. */
export interface Created {
  name: string;
  redis: Record<string, string>;
}

/**
 * What may not be changed any more on hosts that are in the group: Redis would start without its data,
 * or not at all.
 */
export function refusedChanges(olds: Created[], news: Created[]): string[] {
  return news.flatMap(({ name, redis }) => {
    const before = olds.find((each) => each.name === name)?.redis ?? {};
    return Object.entries(redis).flatMap(([directive, value]) => {
      const created = before[directive];
      const raised = directive === "databases" && Number(value) >= Number(created);
      if (created === undefined || created === value || raised) return [];
      return [
        `redis-cluster:redis.${directive} is ${value} on ${name}; expected ${created}, which its data were ` +
          "written with: Redis would start without them. Set it back; for another value make a group of " +
          "its own and copy the data into it",
      ];
    });
  });
}

/** Major and minor of a package's version: within those, either version reads what the other has written. */
const lineOf = (version: string): number[] =>
  (/^(?:\d+:)?(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);

/** How far another version is away, by major and minor: below 0 an older line. */
function ahead(was: string, now: string): number {
  const [[major, minor], [newMajor, newMinor]] = [lineOf(was), lineOf(now)];
  return newMajor - major || newMinor - minor;
}

/**
 * Why the package's version may not be that: an older Redis cannot read what a newer one has written. Nothing where it
 * may. The hosts look at what is installed, which the stack need not know.
 *
 * @param was - undefined where the stack left it to the hosts, as is `now`
 */
export function refusedDowngrade(was?: string, now?: string): string[] {
  if (!was || !now || ahead(was, now) >= 0) return [];
  return [
    `redis-cluster:packageVersion is ${now}; expected none before ${lineOf(was).join(".")}: the group has run with ` +
      `${was}, and an older Redis cannot read what a newer one has written. Set it back: pulumi config set ` +
      `packageVersion ${was}. To go back, restore a backup from before into a group of its own`,
  ];
}

/**
 * What is told in the preview of a version from which there is no way back; nothing where there is one.
 *
 * @param was - undefined where the stack left it to the hosts: then they may run an older one
 */
export function oneWayDoor(was?: string, now?: string): string | undefined {
  if (!now || was === now || (was && ahead(was, now) <= 0)) return undefined;
  const from = was
    ? `goes from ${was} to ${now}, and there is no way back:`
    : `is ${now}, and was left to the hosts until now. Where one runs a Redis before ${lineOf(now).join(".")}, there is ` +
      "no way back:";
  return (
    `redis-cluster:packageVersion ${from} once the first replica runs ` +
    "it, the older ones cannot copy a node of the newer. Make a backup first, see that redis-cluster gate is green, and " +
    "let the run come to its end; see 'Another version of Redis' in docs/operations.md"
  );
}
