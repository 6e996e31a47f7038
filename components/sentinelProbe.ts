/**
 * Asks each daemon of a group itself, over SSH as the operator's Commands go.
 *
 * Plain functions and package imports only: sentinelQuorum.ts hands them to Pulumi, which stores
 * their source in the stack's state.
 */
import { Duplex } from "stream";
import Redis, { RedisOptions } from "ioredis";
import { Answer, Answers, Endpoint, NodeSaid, SentinelSaid } from "./gate";
import { Route, within } from "./sshRoute";

/** The daemons to ask, and the password of the ACL user `operator` on them. */
export interface Group {
  masterName: string;
  nodes: Endpoint[];
  sentinels: Endpoint[];
  operatorPassword: string;
}

/**
 * What every node and sentinel of the group says. Never throws: who does not answer in time is in
 * the answers with the reason.
 *
 * @param seconds bound of each answer; default 5
 */
export async function askGroup(group: Group, route: Route, seconds = 5): Promise<Answers> {
  const [nodes, sentinels] = await Promise.all([
    askAll(group.nodes, group, route, seconds, nodeSaid),
    askSentinels(group, route, seconds),
  ]);
  return { nodes, sentinels };
}

/** As askGroup, the sentinels alone. */
export function askSentinels(
  group: Group,
  route: Route,
  seconds = 5,
): Promise<Answer<SentinelSaid>[]> {
  return askAll(group.sentinels, group, route, seconds, (redis) =>
    sentinelSaid(redis, group.masterName),
  );
}

function askAll<Said>(
  endpoints: Endpoint[],
  group: Group,
  route: Route,
  seconds: number,
  ask: (redis: Redis) => Promise<Said>,
): Promise<Answer<Said>[]> {
  return Promise.all(
    endpoints.map(async (endpoint) => {
      let redis: Redis | undefined;
      const conversation = async () => {
        const stream = await route.dial(endpoint.name, endpoint.address, endpoint.port);
        redis = talk(stream, group.operatorPassword);
        return ask(redis);
      };
      try {
        return { ...endpoint, said: await within(seconds, conversation()) };
      } catch (error) {
        return { ...endpoint, error: (error as Error).message };
      } finally {
        redis?.disconnect();
      }
    }),
  );
}

/** A client on a stream that is already connected. */
function talk(stream: Duplex, operatorPassword: string): Redis {
  // ioredis sets socket options that an SSH channel does not have.
  const socket = Object.assign(stream, { setKeepAlive: () => socket, setNoDelay: () => socket });
  const options: RedisOptions = {
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
  const redis = new Redis(options);
  redis.on("error", () => null);
  return redis;
}

async function nodeSaid(redis: Redis): Promise<NodeSaid> {
  const info = await redis.info();
  const field = (name: string) => infoField(info, name);
  const replica = field("role") !== "master";
  return {
    role: replica ? "replica" : "master",
    loading: field("loading") === "1" || field("async_loading") === "1",
    offset: Number(field(replica ? "slave_repl_offset" : "master_repl_offset")),
    onlineReplicas: [...info.matchAll(/^slave\d+:.*state=online/gm)].length,
    master: replica ? `${field("master_host")}:${field("master_port")}` : undefined,
    linkUp: field("master_link_status") === "up",
    syncing: field("master_sync_in_progress") === "1",
  };
}

async function sentinelSaid(redis: Redis, masterName: string): Promise<SentinelSaid> {
  const [master, myid, ckquorum, info] = await Promise.all([
    redis.call("SENTINEL", "MASTER", masterName) as Promise<string[]>,
    redis.call("SENTINEL", "MYID") as Promise<string>,
    // NOQUORUM is an error reply, and as good an answer as OK.
    redis.call("SENTINEL", "CKQUORUM", masterName).catch((error: Error) => error.message),
    redis.info("sentinel"),
  ]);
  const field = (name: string) => master[master.indexOf(name) + 1];
  return {
    myid,
    master: `${field("ip")}:${field("port")}`,
    flags: field("flags"),
    epoch: Number(field("config-epoch")),
    quorum: Number(field("quorum")),
    replicas: Number(field("num-slaves")),
    otherSentinels: Number(field("num-other-sentinels")),
    tilt: infoField(info, "sentinel_tilt") === "1",
    ckquorum: String(ckquorum),
  };
}

function infoField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
}
