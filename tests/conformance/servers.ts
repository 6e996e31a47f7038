/** Stacks and SSH servers of one test file; both end with it. */
import { remote } from "@pulumi/command";
import { SshServer, SshServerOptions } from "./sshServer";
import { Stack } from "./stack";

export type Connection = remote.CommandArgs["connection"];

const stacks: Stack[] = [];
const servers: SshServer[] = [];

afterAll(() => {
  stacks.forEach((stack) => stack.remove());
  servers.forEach((server) => server.stop());
});

export function newStack(env?: Record<string, string>): Stack {
  const stack = new Stack(env);
  stacks.push(stack);
  return stack;
}

export async function newServer(options?: SshServerOptions): Promise<SshServer> {
  const server = await new SshServer(options).start();
  servers.push(server);
  return server;
}

export function to(server: SshServer, more: object = {}): Connection {
  return { host: "127.0.0.1", port: server.port, password: "secret", dialErrorLimit: 0, ...more };
}
