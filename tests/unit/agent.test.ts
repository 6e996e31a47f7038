import { once } from "events";
import { writeFileSync } from "fs";
import { Server } from "ssh2";
import { agentFindings } from "../../components/config/agent";
import { openRoute } from "../../components/probe/route";
import { agentWith, socketPath, stopAgents } from "../helpers/sshAgent";
import { sshKey } from "../helpers/sshKey";

afterAll(stopAgents);

const [plain, certificate, hardware] = [
  "ssh-ed25519",
  "ssh-ed25519-cert-v01@openssh.com",
  "sk-ssh-ed25519@openssh.com",
];

describe("beside a private key", () => {
  test("no agent is needed, and one that answers does no harm", async () => {
    expect(agentFindings(false, undefined, false)).toEqual({ problems: [] });
    expect(agentFindings(false, "", false)).toEqual({ problems: [] });
    expect(agentFindings(false, await agentWith([certificate]), false)).toEqual({ problems: [] });
  });

  test("a socket that is left over is refused in one line, which the Commands would not bear", () => {
    const left = socketPath("left");
    writeFileSync(left, "");
    for (const [socket, code] of [
      ["/nonexistent/agent", "ENOENT"],
      [left, "ECONNREFUSED"],
    ]) {
      expect(agentFindings(false, socket, true).problems).toEqual([
        {
          key: "sshPrivateKey",
          seen: `is set, while no SSH agent answers at SSH_AUTH_SOCK, ${socket} (${code})`,
          expected:
            "an agent there or no SSH_AUTH_SOCK, since the Commands ask it even beside a key; run: unset SSH_AUTH_SOCK",
        },
      ]);
    }
  });
});

describe("with ssh.agent", () => {
  test("more keys than an sshd lets be offered are told before a host is asked", async () => {
    const keys = (count: number) => agentWith(Array.from({ length: count }, () => plain));
    expect(agentFindings(true, await keys(6), false)).toEqual({ problems: [] });
    const { problems, warning } = agentFindings(true, await keys(7), false);
    expect(problems).toEqual([]);
    expect(warning).toMatch(
      /^The SSH agent has 7 keys, .*MaxAuthTries.* run with an agent of its own: eval/,
    );
  });

  test("there has to be an agent, but for a preview, which logs in nowhere", () => {
    expect(agentFindings(true, undefined, true)).toEqual({ problems: [] });
    expect(agentFindings(true, undefined, false).problems).toEqual([
      {
        key: "ssh.agent",
        seen: "is true, while SSH_AUTH_SOCK is not set",
        expected: "an SSH agent with the key; run: eval $(ssh-agent); ssh-add KEY",
      },
    ]);
    expect(agentFindings(true, "/nonexistent/agent", true).problems).toMatchObject([
      {
        key: "ssh.agent",
        seen: "is true, while no SSH agent answers at SSH_AUTH_SOCK, /nonexistent/agent (ENOENT)",
      },
    ]);
  });

  test("an agent with a key that all logins use is right", async () => {
    expect(agentFindings(true, await agentWith([plain]), false)).toEqual({ problems: [] });
  });

  test.each<[string, string[] | Buffer, string]>([
    ["no key", [], "is true, while the agent has no key"],
    ["a failure", Buffer.from([5]), "is true, while the agent has no key"],
    [
      "a certificate and a key on hardware",
      [certificate, hardware],
      `is true, while the agent has no key but ${certificate} and ${hardware}`,
    ],
    ["half an answer", Buffer.from([12, 0, 0, 0, 9, 0]), "is true, while the agent has no key"],
  ])("an agent with %s is refused, in a preview too", async (_, keys, seen) => {
    expect(agentFindings(true, await agentWith(keys), true).problems).toEqual([
      {
        key: "ssh.agent",
        seen,
        expected:
          "a plain key (ssh-add KEY), neither a certificate nor one on hardware: the check at the end of a run cannot log in by those",
      },
    ]);
  });

  test("keys that the check leaves out are told of, where there are others", async () => {
    expect(agentFindings(true, await agentWith([certificate, plain]), false)).toEqual({
      problems: [],
      warning:
        `The check at the end of a run cannot log in by ${certificate} of the SSH agent; it fails where a host ` +
        "takes none of the agent's plain keys.",
    });
  });
});

test("a host that takes none of the agent's plain keys is told of with what is not offered", async () => {
  const hostKey = sshKey();
  const server = new Server({ hostKeys: [hostKey.private] }, (client) =>
    client.on("error", () => null).on("authentication", (context) => context.reject()),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const host = { name: "app-1", host: "127.0.0.1", port, user: "deploy", hostKey: hostKey.public };
  const route = openRoute({ hosts: [host] });
  // A refresh and a destroy run no program that would have said so.
  delete process.env.SSH_AUTH_SOCK;
  await expect(route.run("app-1", "true")).rejects.toThrow(
    "authentication methods failed; SSH_AUTH_SOCK is not set; expected an SSH agent with the key",
  );
  process.env.SSH_AUTH_SOCK = await agentWith([plain]);
  await expect(route.run("app-1", "true")).rejects.toThrow(
    `app-1 (ssh deploy@127.0.0.1:${port}): All configured authentication methods failed; expected a plain key in ` +
      "the SSH agent that the host takes: certificates and keys on hardware are not offered here",
  );
  route.close();
  server.close();
}, 20000);
