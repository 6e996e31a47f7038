/** Whether the SSH agent serves both ways to log in: the Commands, and ssh2 in the checks. */
import { execFileSync } from "child_process";
import { utils } from "ssh2";
import type { Problem } from "./problem";

/** So many keys an sshd is offered where its MaxAuthTries is OpenSSH's default. */
const mostTried = 6;

/** Bounds a question to the agent, in milliseconds; it is on this machine. */
const patience = 5000;

/**
 * Node has no socket that can be waited for before the first resource, so another process asks: whether somebody
 * listens, and with "keys" for SSH_AGENTC_REQUEST_IDENTITIES (11).
 */
const question = `
  const [, socket, keys] = process.argv;
  let heard = Buffer.alloc(0);
  const agent = require("net").connect(socket, () => keys ? agent.write(Buffer.from([0, 0, 0, 1, 11])) : agent.end());
  agent.on("error", ({ code }) => { process.stderr.write(code); process.exitCode = 1; });
  agent.on("data", (data) => {
    heard = Buffer.concat([heard, data]);
    if (heard.length < 4 || heard.length < 4 + heard.readUInt32BE(0)) return;
    process.stdout.write(heard.subarray(4));
    agent.destroy();
  });`;

/**
 * What is wrong with the agent, and what is only to be known, before any host is touched.
 *
 * @param agent whether it logs in (ssh.agent), or a private key does
 * @param socket SSH_AUTH_SOCK
 * @param preview one logs in nowhere, and may run where there is no agent
 */
export function agentFindings(
  agent: boolean,
  socket: string | undefined,
  preview: boolean,
): { problems: Problem[]; warning?: string } {
  const key = agent ? "ssh.agent" : "sshPrivateKey";
  const problem = (seen: string, expected: string) => ({
    problems: [{ key, seen: `is ${agent ? "true" : "set"}, while ${seen}`, expected }],
  });
  const start = "an SSH agent with the key; run: eval $(ssh-agent); ssh-add KEY";
  if (!socket) {
    return agent && !preview ? problem("SSH_AUTH_SOCK is not set", start) : { problems: [] };
  }
  let answer: Buffer;
  try {
    answer = execFileSync(process.execPath, ["-e", question, socket, agent ? "keys" : ""], {
      env: {},
      stdio: ["ignore", "pipe", "pipe"],
      timeout: patience,
    });
  } catch (error) {
    const { stderr, code } = error as { stderr?: Buffer; code?: string };
    const reason = /^[A-Z]{1,20}$/.exec(String(stderr))?.[0] ?? code ?? "no answer";
    return problem(
      `no SSH agent answers at SSH_AUTH_SOCK, ${socket} (${reason})`,
      agent
        ? start
        : "an agent there or no SSH_AUTH_SOCK, since the Commands ask it even beside a key; run: unset SSH_AUTH_SOCK",
    );
  }
  if (!agent) return { problems: [] };
  const blobs = keysOf(answer);
  const left = blobs.filter((blob) => utils.parseKey(blob) instanceof Error).map(typeOf);
  if (left.length === blobs.length) {
    return problem(
      `the agent has no key${left.length > 0 ? ` but ${left.join(" and ")}` : ""}`,
      "a plain key (ssh-add KEY), neither a certificate nor one on hardware: the check at the end of a run cannot log in by those",
    );
  }
  const warnings = [
    ...(left.length > 0
      ? [
          `The check at the end of a run cannot log in by ${left.join(" and ")} of the SSH agent; it fails where a host ` +
            "takes none of the agent's plain keys.",
        ]
      : []),
    ...(blobs.length > mostTried
      ? [
          `The SSH agent has ${blobs.length} keys, and an sshd hangs up after ${mostTried} that it does not know ` +
            `(MaxAuthTries); expected the right one among the first ${mostTried}. If a host says "Too many ` +
            'authentication failures", run with an agent of its own: ' +
            'eval "$(ssh-agent)" && ssh-add KEY && pulumi up; ssh-agent -k',
        ]
      : []),
  ];
  return { problems: [], ...(warnings.length > 0 ? { warning: warnings.join(" ") } : {}) };
}

/** The keys in SSH_AGENT_IDENTITIES_ANSWER (12): a number, and of each its blob and a comment. Of another answer none. */
function keysOf(answer: Buffer): Buffer[] {
  if (answer.length < 5 || answer[0] !== 12) return [];
  const blobs: Buffer[] = [];
  let rest = answer.subarray(5);
  for (let count = answer.readUInt32BE(1); count > 0 && rest.length > 0; count--) {
    const [blob, comment] = fields(rest);
    if (!comment) break;
    blobs.push(blob);
    rest = rest.subarray(8 + blob.length + comment.length);
  }
  return blobs;
}

/** The first two strings, each after its length; fewer where there are fewer. */
function fields(data: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; found.length < 2 && data.length >= at + 4;) {
    const end = at + 4 + data.readUInt32BE(at);
    if (end > data.length) break;
    found.push(data.subarray(at + 4, end));
    at = end;
  }
  return found;
}

const typeOf = (blob: Buffer): string =>
  /^[\w@.-]{1,64}$/.exec(fields(blob)[0]?.toString() ?? "")?.[0] ?? "a key of unknown type";
