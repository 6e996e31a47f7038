/** Whether a replication group is whole, judged from what each of its daemons said. Pure. */
import { namesOf } from "../names";

/** A daemon of the group: the host's name and the address and port it announces. */
export interface Endpoint {
  name: string;
  address: string;
  port: number;
}

/** What one sentinel says of itself and of the master it watches. Addresses are "address:port". */
export interface SentinelSaid {
  myid: string;
  master: string;
  flags: string;
  epoch: number;
  quorum: number;
  /** The replicas that it knows. */
  replicas: string[];
  otherSentinels: number;
  tilt: boolean;
  ckquorum: string;
}

/** What one node says of itself. `master` and the link fields are a replica's. */
export interface NodeSaid {
  role: string;
  loading: boolean;
  /** Of the replication stream; undefined when it is not told as a number. */
  offset?: number;
  /** The replicas that it has online, by their "address:port". */
  onlineReplicas: string[];
  /** What it last failed to write: the fields of INFO that are not "ok". */
  failing: string[];
  /** Whether its user default may do every write, as whom Redis replays an AOF. */
  replays: boolean;
  master?: string;
  linkUp: boolean;
  syncing: boolean;
  /** What it is at and how far: a load, a sync, a save that a sync waits for. Empty: none of them. */
  moves: string;
}

/** An endpoint's answer: what it said, or why it said nothing. */
export type Answer<Said> = Endpoint & { said?: Said; error?: string };

export interface Answers {
  nodes: Answer<NodeSaid>[];
  sentinels: Answer<SentinelSaid>[];
}

/** What is judged; docs/architecture.md lists it beside the host program's gate. */
export type Condition =
  | "sentinel-answers"
  | "sentinel-master"
  | "sentinel-epoch"
  | "sentinel-flags"
  | "sentinel-replicas"
  | "sentinel-others"
  | "sentinel-quorum"
  | "sentinel-tilt"
  | "sentinel-ckquorum"
  | "sentinel-id"
  | "master-member"
  | "master-role"
  | "master-replicas"
  | "master-offset"
  | "node-answers"
  | "node-loading"
  | "node-writes"
  | "node-replays"
  | "replica-role"
  | "replica-master"
  | "replica-link"
  | "replica-sync"
  | "replica-offset";

/** One thing that keeps the group from being whole. */
export interface Problem {
  host: string;
  condition: Condition;
  message: string;
}

/** "address:port", as sentinels name a master. */
export function addressOf(endpoint: Endpoint): string {
  return `${endpoint.address}:${endpoint.port}`;
}

/** The address that most of the sentinels that answered name, and how many of them do. */
export function namedMaster(sentinels: Answer<SentinelSaid>[]): {
  address?: string;
  votes: number;
} {
  const votes = new Map<string, number>();
  for (const { said } of sentinels) {
    if (said) votes.set(said.master, (votes.get(said.master) ?? 0) + 1);
  }
  let most: { address?: string; votes: number } = { votes: 0 };
  for (const [address, count] of votes) {
    if (count > most.votes) most = { address, votes: count };
  }
  return most;
}

/** The replicas that had not reached, when they were asked, the offset that the master told before. */
export function behind({ nodes, sentinels }: Answers): Answer<NodeSaid>[] {
  const { address: master } = namedMaster(sentinels);
  const written = nodes.find((node) => addressOf(node) === master)?.said?.offset;
  if (written === undefined) return [];
  return nodes.filter(
    ({ said }) => said?.role === "replica" && said.linkUp && !((said.offset ?? -1) >= written),
  );
}

/**
 * What keeps the group from being whole; empty when nothing does. The master's answer is from before the replicas'.
 *
 * @param answers one answer for every node and sentinel that the group is configured with
 * @param quorum the quorum that every sentinel shall have
 * @param instance the group's name on its hosts, where it has one
 * @param follows the place that the master may replicate: a legacy Redis
 */
export function judge(
  answers: Answers,
  quorum: number,
  instance?: string,
  follows?: string,
): Problem[] {
  const { nodes, sentinels } = answers;
  const problems: Problem[] = [];
  const { address: master, votes } = namedMaster(sentinels);
  const epoch = Math.max(...sentinels.map(({ said }) => said?.epoch ?? 0));
  const masterNode = nodes.find((node) => addressOf(node) === master);
  const late = behind(answers);

  for (const sentinel of sentinels) {
    const { name, said } = sentinel;
    const expect = (condition: Condition, holds: boolean, message: string) => {
      if (!holds) problems.push({ host: name, condition, message: `sentinel ${message}` });
    };
    if (!said) {
      expect(
        "sentinel-answers",
        false,
        `${addressOf(sentinel)} does not answer: ${sentinel.error}`,
      );
      continue;
    }
    const twin = sentinels.find((other) => other !== sentinel && other.said?.myid === said.myid);
    expect(
      "sentinel-master",
      said.master === master,
      `names ${said.master} as master, expected ${master} as ${votes} of ${sentinels.length} do`,
    );
    expect(
      "sentinel-epoch",
      said.epoch === epoch,
      `has config-epoch ${said.epoch}, expected ${epoch}`,
    );
    expect(
      "sentinel-flags",
      said.flags === "master",
      `flags the master "${said.flags}", expected "master"`,
    );
    const known = members(nodes, said.replicas);
    expect(
      "sentinel-replicas",
      known === nodes.length - 1,
      `knows ${known} of the members as replicas, expected ${nodes.length - 1}`,
    );
    expect(
      "sentinel-others",
      said.otherSentinels === sentinels.length - 1,
      `knows ${said.otherSentinels} other sentinels, expected ${sentinels.length - 1}`,
    );
    expect(
      "sentinel-quorum",
      said.quorum === quorum,
      `has quorum ${said.quorum}, expected ${quorum}`,
    );
    expect(
      "sentinel-tilt",
      !said.tilt,
      "is in TILT mode and acts on nothing; it ends after 30 quiet seconds",
    );
    expect(
      "sentinel-ckquorum",
      said.ckquorum.startsWith("OK"),
      `answers CKQUORUM with "${said.ckquorum}"`,
    );
    expect("sentinel-id", !twin, `has the same myid as the one on ${twin?.name}`);
  }

  if (master !== undefined && !masterNode) {
    const [witness] = sentinels.filter(({ said }) => said?.master === master);
    problems.push({
      host: witness.name,
      condition: "master-member",
      message: `sentinel names ${master} as master, which is no member of the group`,
    });
  }

  for (const node of nodes) {
    const { name, said } = node;
    const expect = (condition: Condition, holds: boolean, message: string) => {
      if (!holds) problems.push({ host: name, condition, message: `node ${message}` });
    };
    if (!said) {
      expect("node-answers", false, `${addressOf(node)} does not answer: ${node.error}`);
      continue;
    }
    expect("node-loading", !said.loading, "is loading its data");
    expect(
      "node-replays",
      said.replays,
      "would drop transactions at a start from its AOF: its user default may not do all writes; " +
        "pulumi refresh, then pulumi up, mends it",
    );
    for (const field of said.failing) {
      expect(
        "node-writes",
        false,
        `has ${field} other than ok; the reason is in /var/log/${namesOf(instance).cluster}/redis-cluster.log there`,
      );
    }
    if (master === undefined) continue;
    if (node === masterNode) {
      expect(
        "master-role",
        said.role === "master" || (follows !== undefined && said.master === follows),
        `says it is a replica, but the sentinels name it as master`,
      );
      if (said.role !== "master") continue;
      const online = members(nodes, said.onlineReplicas);
      expect(
        "master-replicas",
        online === nodes.length - 1,
        `(the master) has ${online} of the members online as replicas, expected ${nodes.length - 1}`,
      );
      expect("master-offset", said.offset !== undefined, "(the master) does not tell its offset");
      continue;
    }
    expect(
      "replica-role",
      said.role !== "master",
      `says it is a master, expected a replica of ${master}`,
    );
    if (said.role === "master") continue;
    expect(
      "replica-master",
      said.master === master,
      `replicates ${said.master}, expected ${master}`,
    );
    expect("replica-link", said.linkUp, "has no link to its master");
    expect("replica-sync", !said.syncing, "is still being synced by its master");
    expect(
      "replica-offset",
      !late.includes(node),
      "has not what its master had written, and comes no nearer",
    );
  }
  return problems;
}

/** How many of the members are among these; by address alone, as in a group that moves to TLS. */
function members(nodes: Endpoint[], places: string[]): number {
  const addresses = new Set(places.map(hostOf));
  return nodes.filter(({ address }) => addresses.has(address)).length;
}

const hostOf = (place: string) => place.replace(/:\d+$/, "");

/** Replicas that are no members, an analyst's or a backup's say: a failover may make one the master. */
export function strangers({ nodes, sentinels }: Answers): string[] {
  const told = [
    ...nodes.flatMap(({ said }) => said?.onlineReplicas ?? []),
    ...sentinels.flatMap(({ said }) => said?.replicas ?? []),
  ];
  const ours = new Set(nodes.map(({ address }) => address));
  return [...new Set(told)].filter((place) => !ours.has(hostOf(place))).sort();
}

/** What the nodes are at and how far: while this changes, waiting for them is no vain wait. */
export function whatMoves({ nodes }: Answers): string {
  return nodes
    .flatMap(({ name, said }) => (said?.moves ? [`${name} ${said.moves}`] : []))
    .join("; ");
}

/** What each endpoint said, one line each, in aligned columns. Holds no secret. */
export function table(answers: Answers): string {
  const rows = [
    ...answers.nodes.map((node) => [node.name, "node", addressOf(node), ...nodeCells(node)]),
    ...answers.sentinels.map((sentinel) => [
      sentinel.name,
      "sentinel",
      addressOf(sentinel),
      ...sentinelCells(sentinel),
    ]),
  ];
  const widths: number[] = [];
  for (const row of rows) {
    // The last cell of a row has nothing to be aligned with.
    row.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row.map((cell, column) => (column < row.length - 1 ? cell.padEnd(widths[column]) : cell)),
    )
    .map((row) => row.join("  "))
    .join("\n");
}

function nodeCells({ said, error }: Answer<NodeSaid>): string[] {
  if (!said) return [`no answer: ${error}`];
  const state = said.loading ? "loading" : said.syncing ? "syncing" : "";
  if (said.role === "master") {
    return [
      "master",
      `${said.onlineReplicas.length} replicas online`,
      `offset ${said.offset ?? "unknown"} ${state}`.trim(),
    ];
  }
  const link = `link ${said.linkUp ? "up" : "down"}`;
  return [`replica of ${said.master}`, link, `offset ${said.offset ?? "unknown"} ${state}`.trim()];
}

function sentinelCells({ said, error }: Answer<SentinelSaid>): string[] {
  if (!said) return [`no answer: ${error}`];
  return [
    `master ${said.master}`,
    `epoch ${said.epoch}`,
    `flags ${said.flags}${said.tilt ? " (TILT)" : ""}`,
    `${said.replicas.length} replicas`,
    `${said.otherSentinels} other sentinels`,
    `quorum ${said.quorum}`,
    `ckquorum ${said.ckquorum}`,
  ];
}
