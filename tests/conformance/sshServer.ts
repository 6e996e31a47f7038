import { spawn } from "child_process";
import { AddressInfo, connect, createServer, Server as TcpServer } from "net";
import { AuthContext, AuthenticationType, Connection, Server, ServerChannel, Session } from "ssh2";
import { sshKey } from "../helpers/sshKey";

/** One command that the server was asked to run. */
export interface Run {
  user: string;
  command: string;
  environment: Record<string, string>;
}

export interface SshServerOptions {
  /**
   * Who may log in, and how; by default the user `root` with the password `secret`. "pending" where it answers the
   * client itself, later.
   */
  accept?: (auth: AuthContext) => boolean | "pending";
  /** The methods that a refused client is told to try. */
  methods?: AuthenticationType[];
  /** Names of the environment variables that are accepted, as sshd's AcceptEnv; none by default. */
  acceptEnv?: string[];
  /** How many TCP connections are dropped before the first one is served; 0 by default. */
  dropFirst?: number;
}

/** An SSH server on loopback that runs each command with /bin/sh and remembers what it was asked. */
export class SshServer {
  readonly hostKey: string;
  readonly runs: Run[] = [];
  connections = 0;
  open = 0;
  port = 0;
  private readonly ssh: Server;
  private readonly tcp: TcpServer;

  constructor(private readonly options: SshServerOptions = {}) {
    const key = sshKey();
    this.hostKey = key.public;
    this.ssh = new Server({ hostKeys: [key.private] }, (client) => this.serve(client));
    this.tcp = createServer((socket) => {
      socket.on("error", () => undefined);
      if (++this.connections <= (options.dropFirst ?? 0)) {
        socket.destroy();
        return;
      }
      this.open++;
      socket.on("close", () => this.open--);
      this.ssh.injectSocket(socket);
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.tcp.listen(0, "127.0.0.1", resolve));
    this.port = (this.tcp.address() as AddressInfo).port;
    return this;
  }

  stop(): void {
    this.tcp.close();
  }

  commands(): string[] {
    return this.runs.map((run) => run.command);
  }

  private serve(client: Connection): void {
    let user = "";
    client.on("error", () => undefined);
    client.on("authentication", (auth) => {
      user = auth.username;
      const accept =
        this.options.accept ??
        ((given: AuthContext) =>
          user === "root" && given.method === "password" && given.password === "secret");
      const answer = accept(auth);
      if (answer === true) {
        auth.accept();
      } else if (answer === false) {
        auth.reject(this.options.methods ?? ["password", "publickey"]);
      }
    });
    client.on("session", (accept) => this.serveSession(accept(), user));
    client.on("tcpip", (accept, reject, info) => {
      const target = connect(info.destPort, info.destIP);
      target.on("error", () => reject());
      target.on("connect", () => {
        const channel = accept();
        channel.on("error", () => undefined);
        target.pipe(channel).pipe(target);
      });
    });
  }

  private serveSession(session: Session, user: string): void {
    const environment: Record<string, string> = {};
    // ssh2 leaves accept and reject out where the client wants no reply.
    session.on("env", (accept?: () => void, reject?: () => void, info?: object) => {
      const { key, val } = info as { key: string; val: string };
      if (this.options.acceptEnv?.includes(key)) {
        environment[key] = val;
        accept?.();
      } else {
        reject?.();
      }
    });
    session.on("exec", (accept, _reject, { command }) => {
      this.runs.push({ user, command, environment });
      runCommand(command, environment, accept());
    });
  }
}

function runCommand(command: string, env: Record<string, string>, channel: ServerChannel): void {
  const child = spawn("/bin/sh", ["-c", command], { env: { PATH: process.env.PATH, ...env } });
  child.stdin.on("error", () => undefined);
  channel.on("error", () => undefined);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.on("close", (status, signal) => {
    if (signal === null) {
      channel.exit(status ?? 255);
    } else {
      channel.exit(signal.replace("SIG", ""));
    }
    channel.end();
  });
}
