/** Asks each daemon of a group itself, over SSH as the operator's Commands go. */
import { Duplex } from "stream";
import type { Redis, RedisOptions } from "ioredis";
import { connect as connectTls } from "tls";
import { Answer, Answers, behind, Endpoint, NodeSaid, SentinelSaid } from "./gate";
import { plain, Route, within } from "./route";

/** The daemons to ask, and the password of the ACL user `operator` on them. */
export interface Group {
  masterName: string;
  nodes: Endpoint[];
  sentinels: Endpoint[];
  operatorPassword: string;
  /** PEM; unset: the daemons are asked in plain text. */
  tls?: { authority: string; identity: { certificate: string; key: string } };
}

/** A replica that comes no nearer to its master for this many seconds is behind, not busy. */
const patience = 5;

/**
 * What every node and sentinel of the group says. Never throws: who does not answer in time is in
 * the answers with the reason. A replica that had not all that its master had written is asked again for as
 * long as it comes nearer.
 *
 * @param seconds bound of each answer; default 5
 */
export async function askGroup(
  group: Group,
  route: Pick<Route, "dial">,
  seconds = 5,
): Promise<Answers> {
  const [nodes, sentinels] = await Promise.all([
    askAll(group.nodes, group, route, seconds, nodeSaid),
    askSentinels(group, route, seconds),
  ]);
  const answers = { nodes, sentinels };
  let moved = performance.now();
  for (;;) {
    const late = behind(answers);
    if (late.length === 0 || performance.now() > moved + patience * 1000) return answers;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const endpoints = group.nodes.filter(({ name }) => late.some((node) => node.name === name));
    for (const again of await askAll(endpoints, group, route, seconds, nodeSaid)) {
      const index = nodes.findIndex(({ name }) => name === again.name);
      if ((again.said?.offset ?? 0) > (nodes[index].said?.offset ?? 0)) moved = performance.now();
      nodes[index] = again;
    }
  }
}

/** As askGroup, the sentinels alone. */
export function askSentinels(
  group: Group,
  route: Pick<Route, "dial">,
  seconds = 5,
): Promise<Answer<SentinelSaid>[]> {
  return askAll(group.sentinels, group, route, seconds, (redis) =>
    sentinelSaid(redis, group.masterName),
  );
}

function askAll<Said>(
  endpoints: Endpoint[],
  group: Group,
  route: Pick<Route, "dial">,
  seconds: number,
  ask: (redis: Redis) => Promise<Said>,
): Promise<Answer<Said>[]> {
  return Promise.all(
    endpoints.map(async (endpoint) => {
      let redis: Redis | undefined;
      // ioredis only says that the connection is closed, whatever has closed it.
      let broken: Error | undefined;
      const conversation = async () => {
        // A run that asks nobody does not load it.
        const { Redis: Client } = await import("ioredis");
        const channel = await route.dial(endpoint.name, endpoint.address, endpoint.port);
        const stream = encrypted(channel, group, endpoint);
        redis = new Client(optionsOn(stream, group.operatorPassword));
        redis.on("error", (error: Error) => (broken ??= error));
        return Promise.race([ask(redis), tooLong(stream)]);
      };
      try {
        return { ...endpoint, said: await within(seconds, conversation()) };
      } catch (error) {
        const { message } = error as Error;
        return {
          ...endpoint,
          error: plain(message === "Connection is closed." && broken ? broken.message : message),
        };
      } finally {
        redis?.disconnect();
      }
    }),
  );
}

/** The stream itself where the daemons take plain text. */
function encrypted(stream: Duplex, { tls }: Group, { address }: Endpoint): Duplex {
  if (!tls) return stream;
  const { certificate, key } = tls.identity;
  return connectTls({ socket: stream, host: address, ca: tls.authority, cert: certificate, key });
}

/** For a client on a stream that is already connected. */
function optionsOn(stream: Duplex, operatorPassword: string): RedisOptions {
  // ioredis sets socket options that an SSH channel does not have.
  const socket = Object.assign(stream, { setKeepAlive: () => socket, setNoDelay: () => socket });
  return {
    username: "operator",
    password: operatorPassword,
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    // ioredis calls this with `new`; what it returns takes the place of the instance.
    Connector: function () {
      return {
        check: () => true,
        connect: () => Promise.resolve(socket),
        disconnect: () => socket.destroy(),
      };
    } as unknown as RedisOptions["Connector"],
  };
}

/** Rejects once a daemon has sent more bytes than any answer has: it may go on for ever. */
function tooLong(stream: Duplex): Promise<never> {
  const limit = 1 << 20;
  return new Promise((_, reject) => {
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limit) reject(new Error(`answers with more than ${limit} bytes`));
    });
  });
}

/** A write of each kind, on any key: Redis replays them as the user default. */
const replayedWrites = [
  ...["SET k v", "DEL k", "INCR k", "PEXPIREAT k 1", "LPUSH k v", "SPOP k 1", "HSET k f v"],
  ...["ZADD k 1 m", "XADD k * f v", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "RESTORE k 0 v"],
  ...["SORT k STORE k", "FUNCTION LOAD code", "PUBLISH c m"],
].map((command) => command.split(" "));

/** What a node says of itself. Throws when that is no answer to INFO. */
export async function nodeSaid(redis: Pick<Redis, "info" | "call">): Promise<NodeSaid> {
  const [told, ...replayed] = await Promise.all([
    redis.info(),
    ...replayedWrites.map((write) => redis.call("ACL", "DRYRUN", "default", ...write)),
  ]);
  const info = text(told);
  const field = (name: string) => infoField(info, name);
  const replica = field("role") !== "master";
  return {
    role: replica ? "replica" : "master",
    loading: field("loading") === "1" || field("async_loading") === "1",
    offset: offset(field(replica ? "slave_repl_offset" : "master_repl_offset")),
    onlineReplicas: [
      ...info.matchAll(/^slave\d+:ip=([\d.]{7,15}),port=(\d{1,5}),.*state=online/gm),
    ].map(([, ip, port]) => `${ip}:${port}`),
    failing: [
      "rdb_last_bgsave_status",
      "aof_last_write_status",
      "aof_last_bgrewrite_status",
    ].filter((name) => field(name) !== "ok"),
    replays: replayed.every((reply) => reply === "OK"),
    master: replica ? plain(`${field("master_host")}:${field("master_port")}`) : undefined,
    linkUp: field("master_link_status") === "up",
    syncing: field("master_sync_in_progress") === "1",
    moves: plain(moves(info)),
  };
}

/** What a sentinel says of itself and of the master. Throws when a field is missing or no number. */
export async function sentinelSaid(
  redis: Pick<Redis, "info" | "call">,
  masterName: string,
): Promise<SentinelSaid> {
  const [master, replicas, myid, ckquorum, info] = await Promise.all([
    redis.call("SENTINEL", "MASTER", masterName),
    redis.call("SENTINEL", "REPLICAS", masterName),
    redis.call("SENTINEL", "MYID"),
    // NOQUORUM is an error reply, and as good an answer as OK.
    redis.call("SENTINEL", "CKQUORUM", masterName).catch((error: Error) => error.message),
    redis.info("sentinel"),
  ]);
  const field = (name: string): string => {
    const at = Array.isArray(master) ? master.indexOf(name) : -1;
    const value: unknown = at % 2 === 0 ? (master as unknown[])[at + 1] : undefined;
    if (typeof value !== "string") throw new Error(`SENTINEL MASTER does not tell ${name}`);
    return value;
  };
  const number = (name: string): number => {
    const value = field(name);
    if (/^\d{1,15}$/.test(value)) return Number(value);
    throw new Error(`SENTINEL MASTER tells ${name} "${plain(value)}", expected a number`);
  };
  return {
    myid: plain(myid),
    master: plain(`${field("ip")}:${field("port")}`),
    flags: plain(field("flags")),
    epoch: number("config-epoch"),
    quorum: number("quorum"),
    replicas: Array.isArray(replicas) ? replicas.flatMap(placeOf) : [],
    otherSentinels: number("num-other-sentinels"),
    tilt: infoField(text(info), "sentinel_tilt") === "1",
    ckquorum: plain(ckquorum),
  };
}

/** "address:port" of a daemon that a sentinel lists; none where it tells none. */
function placeOf(listed: unknown): string[] {
  const words: unknown[] = Array.isArray(listed) ? listed : [];
  const field = (name: string) => words[words.indexOf(name) + 1];
  const place = `${String(field("ip"))}:${String(field("port"))}`;
  return /^[\d.]{7,15}:\d{1,5}$/.test(place) ? [place] : [];
}

function moves(info: string): string {
  const field = (name: string) => infoField(info, name);
  return [
    ...(field("loading") === "1" ? [`loads ${field("loading_loaded_bytes")}`] : []),
    ...(field("master_sync_in_progress") === "1"
      ? [`syncs ${field("master_sync_read_bytes")}`]
      : []),
    ...(/^slave\d+:.*state=(wait_bgsave|send_bulk)/m.test(info)
      ? [`saves ${field("current_save_keys_processed")}`]
      : []),
  ].join(", ");
}

function offset(told = ""): number | undefined {
  return /^\d{1,15}$/.test(told) ? Number(told) : undefined;
}

function text(reply: unknown): string {
  if (typeof reply === "string") return reply;
  throw new Error("INFO is answered with something that is no text");
}

function infoField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
}
