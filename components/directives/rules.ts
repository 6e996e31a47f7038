/**
 * Values that are each legal and together wrong, from redis.conf and the source of Redis 7.0.
 * What is refused loses data or never works; what is told does something else than it says.
 */
import { under } from "../config/path";
import type { Problem } from "../config/problem";
import type { Settings } from "./directive";
import { inBytes } from "./values";

export interface Rule {
  /** The node's directive by which it is told. */
  name: string;
  /** Those that it is judged by; of the sentinels, down-after-milliseconds alone: the shortest. */
  by: string[];
  /** When it is wrong, for the documentation. */
  when: string;
  /** others: those of the other hosts. */
  wrong: (values: Settings, others: Settings[]) => boolean;
  /** What to set, and why. */
  expected: string;
  refused: boolean;
}

/** [hard, soft] limit of a class of clients, in bytes; 0 is none. */
function limits(values: Settings, kind: string): [number, number] {
  const words = values["client-output-buffer-limit"].split(" ");
  const at = words.indexOf(kind);
  return [inBytes(words[at + 1]), inBytes(words[at + 2])];
}

const mayLead = (values: Settings) => values["replica-priority"] !== "0";
const limited = (values: Settings) => inBytes(values.maxmemory) > 0;
const backlog = (values: Settings) => inBytes(values["repl-backlog-size"]);

const refused: Omit<Rule, "refused">[] = [
  {
    name: "save",
    by: ["appendonly"],
    when: '`""` while `appendonly` is no',
    wrong: ({ save, appendonly }) => appendonly === "no" && save === '""',
    expected:
      "one of the two: a node without persistence comes back empty, and the group copies it",
  },
  {
    name: "shutdown-on-sigterm",
    by: ["appendonly"],
    when: "nosave while `appendonly` is no",
    wrong: (values) =>
      values.appendonly === "no" && values["shutdown-on-sigterm"].split(" ").includes("nosave"),
    expected: "save: each stop would throw away what was written since the last snapshot",
  },
  {
    name: "repl-timeout",
    by: ["repl-ping-replica-period"],
    when: "not above `repl-ping-replica-period`",
    wrong: (values) => Number(values["repl-timeout"]) <= Number(values["repl-ping-replica-period"]),
    expected:
      "more than repl-ping-replica-period: whenever nothing is written, replicas would take their master for gone",
  },
  {
    name: "replica-ignore-maxmemory",
    by: ["maxmemory"],
    when: "no while `maxmemory` is set",
    wrong: (values) => limited(values) && values["replica-ignore-maxmemory"] === "no",
    expected:
      "yes: a replica would evict, or refuse, what its master has, and be a copy of it no longer",
  },
  {
    name: "repl-backlog-size",
    by: ["maxmemory"],
    when: "not below `maxmemory`, where that is set",
    wrong: (values) => limited(values) && backlog(values) >= inBytes(values.maxmemory),
    expected:
      "far less than maxmemory: the backlog counts in it, and no room would be left for keys",
  },
  {
    name: "no-appendfsync-on-rewrite",
    by: ["appendfsync"],
    when: "yes while `appendfsync` is always",
    wrong: (values) =>
      values.appendfsync === "always" && values["no-appendfsync-on-rewrite"] === "yes",
    expected: "no: while the AOF is rewritten nothing would be synced, which always is meant for",
  },
  {
    name: "active-defrag-threshold-lower",
    by: ["active-defrag-threshold-upper"],
    when: "not below `active-defrag-threshold-upper`",
    wrong: (values) =>
      Number(values["active-defrag-threshold-lower"]) >=
      Number(values["active-defrag-threshold-upper"]),
    expected: "less than active-defrag-threshold-upper: the effort grows from the one to the other",
  },
  {
    name: "active-defrag-cycle-min",
    by: ["active-defrag-cycle-max"],
    when: "above `active-defrag-cycle-max`",
    wrong: (values) =>
      Number(values["active-defrag-cycle-min"]) > Number(values["active-defrag-cycle-max"]),
    expected: "at most active-defrag-cycle-max: the effort grows from the one to the other",
  },
  {
    name: "notify-keyspace-events",
    by: [],
    when: "neither K nor E, or nothing but these",
    wrong: (values) => {
      const letters = values["notify-keyspace-events"].replace(/^""$/, "");
      return letters !== "" && !(/[KE]/.test(letters) && /[^KE]/.test(letters));
    },
    expected:
      "K or E for where events are published, and at least one letter for which: otherwise none is",
  },
];

const told: Omit<Rule, "refused">[] = [
  {
    name: "maxmemory",
    by: [],
    when: "less than on another host, where both may become master",
    wrong: (values, others) =>
      limited(values) &&
      mayLead(values) &&
      others
        .filter(mayLead)
        .some((each) => !limited(each) || inBytes(each.maxmemory) > inBytes(values.maxmemory)),
    expected:
      "the same on all hosts that may become master: promoted, this one would evict or refuse what has room elsewhere",
  },
  {
    name: "maxmemory-policy",
    by: ["maxmemory"],
    when: "one that evicts while `maxmemory` is 0",
    wrong: (values) => values["maxmemory-policy"] !== "noeviction" && !limited(values),
    expected: "maxmemory: without a limit nothing is ever evicted",
  },
  {
    name: "maxmemory-clients",
    by: ["maxmemory"],
    when: "a part while `maxmemory` is 0",
    wrong: (values) => values["maxmemory-clients"].endsWith("%") && !limited(values),
    expected: "maxmemory, or a size in bytes: a part of no limit is none",
  },
  {
    name: "appendfsync",
    by: ["appendonly"],
    when: "always while `appendonly` is no",
    wrong: ({ appendfsync, appendonly }) => appendonly === "no" && appendfsync === "always",
    expected: "everysec: without an AOF nothing is synced at a write",
  },
  {
    name: "io-threads-do-reads",
    by: ["io-threads"],
    when: "yes while `io-threads` is 1",
    wrong: (values) => values["io-threads-do-reads"] === "yes" && values["io-threads"] === "1",
    expected: "more io-threads: one alone is the main thread, and nothing changes",
  },
  {
    name: "client-output-buffer-limit",
    by: ["repl-backlog-size"],
    when: "a limit of replica below `repl-backlog-size`",
    wrong: (values) =>
      limits(values, "replica").some((limit) => limit > 0 && limit < backlog(values)),
    expected:
      "hard and soft limits of replica from repl-backlog-size on: a replica that goes on from the backlog may " +
      "have as much to read, and the soft one would cut it off (Redis raises the hard one by itself)",
  },
  {
    name: "client-output-buffer-limit",
    by: [],
    when: "a soft limit above the hard one",
    wrong: (values) =>
      ["normal", "replica", "pubsub"].some((kind) => {
        const [hard, soft] = limits(values, kind);
        return hard > 0 && soft > hard;
      }),
    expected: "soft limits up to the hard ones: above them they are never reached",
  },
  {
    name: "auto-aof-rewrite-percentage",
    by: ["appendonly"],
    when: "0 while `appendonly` is yes",
    wrong: (values) => values.appendonly === "yes" && values["auto-aof-rewrite-percentage"] === "0",
    expected: "more than 0: nothing but BGREWRITEAOF would keep the AOF from growing for ever",
  },
  {
    name: "min-replicas-max-lag",
    by: ["min-replicas-to-write"],
    when: "1 while `min-replicas-to-write` is not 0",
    wrong: (values) =>
      values["min-replicas-to-write"] !== "0" && values["min-replicas-max-lag"] === "1",
    expected:
      "at least 2: replicas report once a second, so writes would be refused now and then in a whole group",
  },
  {
    name: "min-replicas-max-lag",
    by: ["down-after-milliseconds"],
    when: "longer than the sentinels' `down-after-milliseconds`",
    wrong: (values) =>
      Number(values["min-replicas-max-lag"]) * 1000 > Number(values["down-after-milliseconds"]),
    expected:
      "at most down-after-milliseconds: a master that is cut off would still acknowledge writes when another is " +
      "promoted, and they are thrown away",
  },
  {
    name: "busy-reply-threshold",
    by: ["down-after-milliseconds"],
    when: "0, or not below the sentinels' `down-after-milliseconds`",
    wrong: (values) => {
      const threshold = Number(values["busy-reply-threshold"]);
      return threshold === 0 || threshold >= Number(values["down-after-milliseconds"]);
    },
    expected:
      "less than down-after-milliseconds, and not 0: until then a node that runs a long script answers nobody, and " +
      "Sentinel fails over instead of ending the script",
  },
  {
    name: "proto-max-bulk-len",
    by: ["client-query-buffer-limit"],
    when: "not below `client-query-buffer-limit`",
    wrong: (values) =>
      inBytes(values["proto-max-bulk-len"]) >= inBytes(values["client-query-buffer-limit"]),
    expected:
      "less than client-query-buffer-limit: a client that sends so long a value is cut off without an error",
  },
];

export const rules: Rule[] = [
  ...refused.map((rule) => ({ ...rule, refused: true })),
  ...told.map((rule) => ({ ...rule, refused: false })),
];

interface Host {
  name: string;
  redis?: Settings;
  sentinel?: Settings;
}

/** What does not go together, by the group's directive where it is the same on all hosts, and else by each host's. */
export function ruleFindings(hosts: Host[]): Record<"refused" | "told", Problem[]> {
  const down = "down-after-milliseconds";
  const shortest = Math.min(
    ...hosts.flatMap(({ sentinel }) => (sentinel ? [Number(sentinel[down])] : [])),
  );
  const nodes = hosts.flatMap(({ name, redis }) => (redis ? [{ name, redis }] : []));
  const findings = (which: Omit<Rule, "refused">[]): Problem[] =>
    which.flatMap(({ name, by, wrong, expected }) => {
      const found = nodes.flatMap((host) => {
        const values: Settings = { ...host.redis, [down]: String(shortest) };
        const elsewhere = nodes.filter((each) => each !== host).map(({ redis }) => redis);
        if (!wrong(values, elsewhere)) return [];
        const others = by.map((other) => `${other} is ${values[other]}`);
        const seen = [`is ${values[name]}`, ...others].join(" while ");
        return [{ key: `${under("hosts", host.name)}.redis.${name}`, seen, expected }];
      });
      const same =
        found.length === nodes.length && new Set(found.map(({ seen }) => seen)).size === 1;
      return same ? [{ ...found[0], key: `redis.${name}` }] : found;
    });
  return { refused: findings(refused), told: findings(told) };
}
