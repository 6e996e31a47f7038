import { connect } from "net";
import { Server, utils } from "ssh2";
import { sshKey } from "./sshKey";

export interface SshServer {
  host: string;
  port: number;
  user: string;
  hostKey: string;
  /** What a command that is run there prints, and its exit status; by default it is not known there. "breaks": the connection does. */
  answer: (command: string) => { stdout?: string; stderr?: string; status: number | "breaks" };
  /** False: who connects from now on is not forwarded, as with AllowTcpForwarding=no. */
  forwards: boolean;
  /** Connections accepted so far. */
  logins(): number;
  stop(): Promise<void>;
}

/** A key pair in OpenSSH's formats. */
export function keyPair(): { private: string; public: string } {
  return sshKey();
}

/**
 * An sshd in this process that lets the owner of one key forward to anywhere and run what `answer` knows.
 *
 * @param host address to listen on; the port is a free one
 * @param authorizedKey public key line
 */
export async function startSshServer(host: string, authorizedKey: string): Promise<SshServer> {
  const authorized = utils.parseKey(authorizedKey);
  const hostKeys = keyPair();
  if (authorized instanceof Error) throw authorized;
  const open = new Set<{ end(): void }>();
  let logins = 0;
  const server = new Server({ hostKeys: [hostKeys.private] }, (client) => {
    open.add(client);
    client.on("error", () => null);
    client.on("close", () => open.delete(client));
    client.on("authentication", (attempt) => {
      const right =
        attempt.method === "publickey" &&
        attempt.username === "deploy" &&
        attempt.key.data.equals(authorized.getPublicSSH()) &&
        (!attempt.signature ||
          (attempt.blob !== undefined &&
            authorized.verify(attempt.blob, attempt.signature, attempt.hashAlgo) === true));
      if (right) attempt.accept();
      else attempt.reject(["publickey"]);
    });
    client.on("ready", () => logins++);
    client.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        const { stdout = "", stderr = "", status } = sshServer.answer(command);
        channel.write(stdout);
        channel.stderr.write(stderr);
        if (status === "breaks") {
          client.end();
          return;
        }
        channel.exit(status);
        channel.end();
      });
    });
    // Where nobody hears this, ssh2 answers as an sshd that forbids it does: "administratively prohibited".
    if (!sshServer.forwards) return;
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      const socket = connect(destPort, destIP, () => {
        const channel = accept();
        channel.on("error", () => socket.destroy()).on("close", () => socket.destroy());
        socket.on("close", () => channel.close());
        channel.pipe(socket).pipe(channel);
      });
      // Once it is accepted this does nothing any more.
      socket.on("error", () => reject());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const sshServer: SshServer = {
    host,
    forwards: true,
    answer: () => ({ stderr: "command not found", status: 127 }),
    port: (server.address() as { port: number }).port,
    user: "deploy",
    hostKey: hostKeys.public,
    logins: () => logins,
    stop: () => {
      for (const client of open) client.end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return sshServer;
}
