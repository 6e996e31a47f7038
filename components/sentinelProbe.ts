/**
 * Asks each daemon of a group itself, over SSH as the operator's Commands go.
 *
 * Plain functions and package imports only: sentinelQuorum.ts hands them to Pulumi, which stores
 * their source in the stack's state.
 */
import { createHash } from "crypto";
import { Duplex } from "stream";
import Redis, { RedisOptions } from "ioredis";
import { Client } from "ssh2";
import { Answer, Answers, Endpoint, NodeSaid, SentinelSaid } from "./gate";

/** An sshd and who logs in there; hostKey is an "ssh-ed25519 AAAA..." line, unset: not checked. */
export interface SshTarget {
  host: string;
  port: number;
  user: string;
  hostKey?: string;
}

/** How the hosts are reached: by name, through the bastion where there is one. */
export interface RouteArgs {
  hosts: (SshTarget & { name: string })[];
  bastion?: SshTarget;
  /** OpenSSH private key, without a passphrase; unset: the SSH agent at SSH_AUTH_SOCK logs in. */
  privateKey?: string;
}

/** The daemons to ask, and the password of the ACL user `operator` on them. */
export interface Group {
  masterName: string;
  nodes: Endpoint[];
  sentinels: Endpoint[];
  operatorPassword: string;
}

/** One SSH connection a host, opened when first used and again when it broke. */
export interface Route {
  /** A connection from the named host to address:port; rejects with an Error naming the host. */
  dial(name: string, address: string, port: number): Promise<Duplex>;
  close(): void;
}

/** A host that has not logged us in within this many milliseconds is unreachable. */
const sshTimeout = 10000;

/** A route that connects to nothing yet. Close it, or the process does not end. */
export function openRoute(args: RouteArgs): Route {
  const clients = new Map<string, Promise<Client>>();
  let closed = false;

  function client(label: string, connect: () => Promise<Client>): Promise<Client> {
    let opening = clients.get(label);
    if (!opening) {
      opening = connect();
      clients.set(label, opening);
      const forget = () => clients.delete(label);
      opening.then((open) => {
        open.on("close", forget);
        if (closed) open.destroy();
      }, forget);
    }
    return opening;
  }

  function host(name: string): Promise<Client> {
    const target = args.hosts.find((each) => each.name === name);
    if (!target) return Promise.reject(new Error(`${name}: no such host in the SSH route`));
    return client(`host ${name}`, async () => {
      const { bastion, privateKey } = args;
      if (!bastion) return login(name, target, privateKey);
      const jump = await client("bastion", () => login("bastion", bastion, privateKey));
      return login(
        name,
        target,
        privateKey,
        await forward("bastion", jump, target.host, target.port),
      );
    });
  }

  return {
    dial: async (name, address, port) => forward(name, await host(name), address, port),
    close: () => {
      closed = true;
      for (const opening of clients.values()) opening.then((open) => open.end()).catch(() => null);
    },
  };
}

function login(
  name: string,
  target: SshTarget,
  privateKey: string | undefined,
  sock?: Duplex,
): Promise<Client> {
  const { host, port, user, hostKey } = target;
  return new Promise((resolve, reject) => {
    const client = new Client();
    let mismatch = "";
    // Stays attached after the login too: an 'error' that nobody hears ends the process.
    client.on("error", (error) => {
      reject(new Error(`${name} (ssh ${user}@${host}:${port}): ${mismatch || error.message}`));
    });
    client.on("close", () => {
      sock?.destroy();
      reject(new Error(`${name} (ssh ${user}@${host}:${port}): connection closed`));
    });
    client.on("ready", () => resolve(client));
    try {
      client.connect({
        host,
        port,
        username: user,
        ...(privateKey ? { privateKey } : { agent: process.env.SSH_AUTH_SOCK }),
        sock,
        readyTimeout: sshTimeout,
        keepaliveInterval: 1000,
        keepaliveCountMax: 5,
        ...(hostKey && {
          algorithms: { serverHostKey: ["ssh-ed25519"] },
          hostVerifier: (offered: Buffer) => {
            const expected = Buffer.from(hostKey.trim().split(/\s+/)[1] ?? "", "base64");
            if (offered.equals(expected)) return true;
            mismatch =
              `host key is ${fingerprint(offered)}, expected ${fingerprint(expected)} ` +
              `as configured (compare with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there)`;
            return false;
          },
        }),
      });
    } catch (error) {
      // ssh2 throws what is wrong with the private key, without quoting the key.
      reject(new Error(`${name} (ssh ${user}@${host}:${port}): ${(error as Error).message}`));
    }
  });
}

function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

function forward(name: string, client: Client, address: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.forwardOut("127.0.0.1", 0, address, port, (error, channel) => {
      if (!error) return resolve(channel);
      const { reason } = error as Error & { reason?: number };
      // RFC 4254: 1 is "administratively prohibited".
      const why =
        reason === 1
          ? "its sshd forbids forwarding; expected AllowTcpForwarding yes or local"
          : error.message.replace("(SSH) Channel open failure: ", "");
      reject(new Error(`from ${name} to ${address}:${port}: ${why}`));
    });
  });
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

function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`silent for ${seconds} s`)), seconds * 1000);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
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
