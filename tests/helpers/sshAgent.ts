/** SSH agents as tests want them. */
import { ChildProcess, spawn } from "child_process";
import { once } from "events";
import { mkdtempSync, rmSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";
import { sshKey } from "./sshKey";

const directory = mkdtempSync(join(tmpdir(), "agent-"));
const started: ChildProcess[] = [];

/** A path for a socket. */
export const socketPath = (name: string): string => join(directory, name);

export function stopAgents(): void {
  for (const child of started) child.kill();
  rmSync(directory, { recursive: true });
}

const uint32 = (value: number) => Buffer.from([value >> 24, value >> 16, value >> 8, value]);
const field = (data: Buffer) => Buffer.concat([uint32(data.length), data]);

/** The blob of a key of some type; of one that ssh2 reads it is a real one. */
const blob = (type: string) =>
  type === "ssh-ed25519"
    ? Buffer.from(sshKey().public.split(" ")[1], "base64")
    : Buffer.concat([field(Buffer.from(type)), field(Buffer.alloc(32, 7))]);

/** An agent in a process of its own, with keys of these types, or with this answer. Returns its socket. */
export async function agentWith(keys: string[] | Buffer): Promise<string> {
  const socket = join(directory, `${started.length}`);
  const body = Buffer.isBuffer(keys)
    ? keys
    : Buffer.concat([
        Buffer.from([12]),
        uint32(keys.length),
        ...keys.flatMap((type) => [field(blob(type)), field(Buffer.from("a comment"))]),
      ]);
  const child = spawn(process.execPath, [
    "-e",
    `require("net").createServer((client) => client.on("data", () =>
       // In two parts, as a socket may.
       { client.write(Buffer.from("${field(body).toString("hex").slice(0, 6)}", "hex"));
         setTimeout(() => client.write(Buffer.from("${field(body).toString("hex").slice(6)}", "hex")), 20); }
     )).listen(process.argv[1], () => console.log("ready"))`,
    socket,
  ]);
  started.push(child);
  await once(child.stdout, "data");
  return socket;
}
