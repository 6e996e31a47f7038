/** How this program itself reaches the hosts by SSH, the way the Commands go. */
import { createHash } from "crypto";
import { Duplex } from "stream";
import type { Client } from "ssh2";

/** An sshd and who logs in there; hostKey is an "ssh-ed25519 AAAA..." line. */
export interface SshTarget {
  host: string;
  port: number;
  user: string;
  hostKey: string;
}

/** How the hosts are reached: by name, through the bastion where there is one. */
export interface RouteArgs {
  hosts: (SshTarget & { name: string })[];
  bastion?: SshTarget;
  /** OpenSSH private key, without a passphrase; unset: the SSH agent at SSH_AUTH_SOCK logs in. */
  privateKey?: string;
  /** Whose program is asked there: of the group of that name; unset: of the one without. */
  instance?: string;
}

/** How a command ended on a host; -1 is the status of one that a signal ended. */
export interface Ran {
  status: number;
  stdout: string;
  stderr: string;
}

/** One SSH connection a host, opened when first used and again when it broke. */
export interface Route {
  /** Resolves once the named host has let us in; rejects with an Error naming it. */
  reach(name: string): Promise<void>;
  /** A connection from the named host to address:port; rejects with an Error naming the host. */
  dial(name: string, address: string, port: number): Promise<Duplex>;
  /**
   * Runs a command on the named host, with `input` on its standard input; rejects with an Error naming the host when it
   * cannot be run there, or its end is not heard of.
   */
  run(name: string, command: string, input?: string): Promise<Ran>;
  close(): void;
}

/** Why a host's sshd connects us to nothing. */
export class ForwardingForbidden extends Error {}

/** A host that has not logged us in within this many milliseconds is unreachable. */
const sshTimeout = 10000;

/** For so many milliseconds a refused connection is tried again before a command, as Command does: see connection.ts. */
const refusedPatience = 11000;

/** Nobody listens there, or a firewall says so; or an sshd hangs up, to which too many log in (MaxStartups). */
class ConnectionRefused extends Error {}

/** The logins of this process, by where they lead and who logs in. */
const held = new Map<string, Promise<Client>>();

/**
 * A route of the engine's provider process, which the engine ends: a login there serves every resource of a run that asks
 * the same host.
 */
export const heldRoute = (args: RouteArgs): Omit<Route, "close"> => openRoute(args, held);

/** A route that connects to nothing yet. Close it, or the process does not end. */
export function openRoute(args: RouteArgs, clients = new Map<string, Promise<Client>>()): Route {
  let closed = false;

  function client(target: SshTarget, connect: () => Promise<Client>): Promise<Client> {
    const way = [target, target === args.bastion ? "" : args.bastion, args.privateKey];
    const key = createHash("sha256").update(JSON.stringify(way)).digest("hex");
    let opening = clients.get(key);
    if (!opening) {
      opening = connect();
      clients.set(key, opening);
      const forget = () => clients.delete(key);
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
    return client(target, async () => {
      const { bastion, privateKey } = args;
      if (!bastion) return login(name, target, privateKey);
      const jump = await client(bastion, () => login("bastion", bastion, privateKey));
      return login(
        name,
        target,
        privateKey,
        await forward("bastion", jump, target.host, target.port),
      );
    });
  }

  // Who asks daemons bounds each answer himself, and asks again.
  async function patiently(name: string): Promise<Client> {
    const end = performance.now() + refusedPatience;
    for (;;) {
      try {
        return await host(name);
      } catch (error) {
        if (!(error instanceof ConnectionRefused) || closed || performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    }
  }

  return {
    reach: async (name) => void (await host(name)),
    dial: async (name, address, port) => forward(name, await host(name), address, port),
    run: async (name, command, input) => execute(name, await patiently(name), command, input),
    close: () => {
      closed = true;
      for (const opening of clients.values()) opening.then((open) => open.end()).catch(() => null);
    },
  };
}

/** What ssh2 says of an sshd that has hung up. */
const hungUp = ["ECONNREFUSED", "ECONNRESET", "Connection lost before handshake"];

/** A refresh or a destroy runs no program that would have refused it: see config/agent.ts. */
const whyRefused = () =>
  process.env.SSH_AUTH_SOCK
    ? // ssh2 leaves them out; the Commands do not.
      "; expected a plain key in the SSH agent that the host takes: certificates and keys on hardware are not offered here"
    : "; SSH_AUTH_SOCK is not set; expected an SSH agent with the key; run: eval $(ssh-agent); ssh-add KEY";

async function login(
  name: string,
  target: SshTarget,
  privateKey: string | undefined,
  sock?: Duplex,
): Promise<Client> {
  const { host, port, user, hostKey } = target;
  // A run that asks nobody does not load it.
  const ssh2 = await import("ssh2");
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let mismatch = "";
    // Stays attached after the login too: an 'error' that nobody hears ends the process.
    client.on("error", (error) => {
      const { level, code } = error as { level?: string; code?: string };
      const left = !privateKey && level === "client-authentication" ? whyRefused() : "";
      const Kind = hungUp.includes(code ?? error.message) ? ConnectionRefused : Error;
      reject(
        new Kind(`${name} (ssh ${user}@${host}:${port}): ${mismatch || error.message + left}`),
      );
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
        algorithms: { serverHostKey: ["ssh-ed25519"] },
        hostVerifier: (offered: Buffer) => {
          const expected = Buffer.from(hostKey.trim().split(/\s+/)[1] ?? "", "base64");
          if (offered.equals(expected)) return true;
          mismatch =
            `host key is ${fingerprint(offered)}, expected ${fingerprint(expected)} ` +
            `as configured (compare with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there)`;
          return false;
        },
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
      const from = `from ${name} to ${address}:${port}:`;
      // RFC 4254: 1 is "administratively prohibited".
      reject(
        reason === 1
          ? new ForwardingForbidden(
              `${from} its sshd forbids forwarding; expected AllowTcpForwarding yes or local, no DisableForwarding, and no PermitOpen or restriction of the key that leaves this out`,
            )
          : new (error.message.includes("refused") ? ConnectionRefused : Error)(
              `${from} ${error.message.replace("(SSH) Channel open failure: ", "")}`,
            ),
      );
    });
  });
}

/** What a command may print, in bytes: a host could go on for ever. */
const longest = 1 << 20;

function execute(name: string, client: Client, command: string, input = ""): Promise<Ran> {
  return new Promise((resolve, reject) => {
    client.exec(command, (refused, channel) => {
      if (refused) return reject(new Error(`${name}: ${refused.message}`));
      const ran = { status: -1, stdout: "", stderr: "" };
      const take = (kind: "stdout" | "stderr") => (chunk: Buffer) => {
        if (ran[kind].length + chunk.length > longest) {
          channel.close();
          return reject(new Error(`${name}: says more than ${longest} bytes`));
        }
        ran[kind] += chunk.toString();
      };
      channel.on("data", take("stdout"));
      channel.stderr.on("data", take("stderr"));
      let ended = false;
      channel.on("exit", (status: number | null) => {
        ended = true;
        ran.status = status ?? -1;
      });
      channel.on("close", () => {
        if (ended) resolve(ran);
        else reject(new Error(`${name}: the connection broke before what ran there had ended`));
      });
      channel.end(input);
    });
  });
}

/** Rejects when it takes longer than so many seconds. */
export function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`silent for ${seconds} s`)), seconds * 1000);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** What a daemon or a host says stands in messages and in the state: in one line, without control characters, not for ever. */
export function plain(said: unknown): string {
  return String(said)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .slice(0, 500);
}
