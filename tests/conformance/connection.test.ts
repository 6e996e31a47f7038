// How the command plugin reaches a host; see command.test.ts.
import { utils } from "ssh2";
import { sshKey } from "../helpers/sshKey";
import { Connection, newServer, newStack, to } from "./servers";
import { SshServerOptions } from "./sshServer";
import { Program } from "./stack";

jest.setTimeout(300_000);

describe("logging in", () => {
  const rootBy = (method: string): SshServerOptions => ({
    accept: (auth) => auth.username === "root" && auth.method === method,
  });
  const plainKey = sshKey();
  const lockedKey = sshKey({
    passphrase: "phrase",
    cipher: "aes256-ctr",
    rounds: 4,
  });

  test("by password, key, locked key or keyboard-interactive; as root by default", async () => {
    const byPassword = await newServer();
    const byKey = await newServer(rootBy("publickey"));
    const byQuestion = await newServer({
      methods: ["keyboard-interactive"],
      accept: (auth) => {
        if (auth.method !== "keyboard-interactive") {
          return false;
        }
        auth.prompt([{ prompt: "Password: ", echo: false }], ([answer]) =>
          answer === "secret" ? auth.accept() : auth.reject(),
        );
        return "pending";
      },
    });
    const asUser = await newServer({ accept: (auth) => auth.username === "deploy" });
    const key = { password: undefined, privateKey: plainKey.private };
    const { errors } = await newStack().up({
      password: { connection: to(byPassword), create: "true" },
      key: { connection: to(byKey, key), create: "true" },
      locked: {
        connection: to(byKey, { privateKey: lockedKey.private, privateKeyPassword: "phrase" }),
        create: "true",
      },
      question: { connection: to(byQuestion), create: "true" },
      user: { connection: to(asUser, { user: "deploy" }), create: "true" },
      wrongPassword: { connection: to(byPassword, { password: "wrong" }), create: "true" },
      wrongPhrase: {
        connection: to(byKey, { privateKey: lockedKey.private, privateKeyPassword: "wrong" }),
        create: "true",
      },
      noPhrase: { connection: to(byKey, { privateKey: lockedKey.private }), create: "true" },
      noKey: { connection: to(byKey, { privateKey: "no key" }), create: "true" },
    });
    expect(Object.keys(errors).sort()).toEqual([
      "noKey",
      "noPhrase",
      "wrongPassword",
      "wrongPhrase",
    ]);
    expect(errors.wrongPassword).toContain(
      "after 0 failed attempts: ssh: handshake failed: ssh: unable to authenticate, " +
        "attempted methods [none password",
    );
    expect(errors.wrongPhrase.trimEnd()).toBe("x509: decryption password incorrect");
    expect(errors.noPhrase.trimEnd()).toBe("ssh: this private key is passphrase protected");
    expect(errors.noKey.trimEnd()).toBe("ssh: no key found");
    expect(byKey.runs.map(({ user }) => user)).toEqual(["root", "root"]);
    expect(asUser.runs.map(({ user }) => user)).toEqual(["deploy"]);
  });

  test("an agent that does not answer is an error, even with a password", async () => {
    const server = await newServer();
    const program: Program = {
      named: { connection: to(server, { agentSocketPath: "/nonexistent/named" }), create: "true" },
      inherited: { connection: to(server), create: "true" },
    };
    const { errors } = await newStack({ SSH_AUTH_SOCK: "/nonexistent/inherited" }).up(program);
    for (const name of ["named", "inherited"]) {
      expect(errors[name].trimEnd()).toBe(
        `dial unix /nonexistent/${name}: connect: no such file or directory`,
      );
    }
  });
});

describe("dialling", () => {
  test("dialErrorLimit failures are followed by one more dial, then it fails", async () => {
    const never = await newServer({ dropFirst: 1000 });
    const closed = await newServer();
    closed.stop();
    const { errors, messages } = await newStack().up({
      never: { connection: to(never, { dialErrorLimit: 2 }), create: "true" },
      closed: { connection: to(closed), create: "true" },
    });
    expect(never.connections).toBe(3);
    expect(messages.never).toEqual(["Dial 1/2 failed: retrying", "Dial 2/2 failed: retrying"]);
    expect(errors.never).toMatch(/^after 2 failed attempts: ssh: handshake failed: /);
    expect(errors.closed.trimEnd()).toBe(
      `after 0 failed attempts: dial tcp 127.0.0.1:${closed.port}: connect: connection refused`,
    );
  });

  test("a host that comes up in time is served; -1 has no limit", async () => {
    const second = await newServer({ dropFirst: 1 });
    const third = await newServer({ dropFirst: 2 });
    const { errors, messages } = await newStack().up({
      second: { connection: to(second, { dialErrorLimit: 1 }), create: "true" },
      third: { connection: to(third, { dialErrorLimit: -1 }), create: "true" },
    });
    expect(errors).toEqual({});
    expect(third.connections).toBe(3);
    expect(messages.third).toEqual(["Dial 1/inf failed: retrying", "Dial 2/inf failed: retrying"]);
  });
});

describe("host keys", () => {
  const other = sshKey().public;
  const ecdsa = utils.generateKeyPairSync("ecdsa", { bits: 256 }).public;

  test("the host's own key is accepted, another is refused before any command", async () => {
    const server = await newServer();
    const { errors } = await newStack().up({
      own: { connection: to(server, { hostKey: server.hostKey }), create: "echo own" },
      none: { connection: to(server), create: "echo none" },
      other: { connection: to(server, { hostKey: other }), create: "echo other" },
      otherType: { connection: to(server, { hostKey: ecdsa }), create: "echo otherType" },
      garbage: { connection: to(server, { hostKey: "garbage" }), create: "echo garbage" },
    });
    expect(server.commands().sort()).toEqual(["echo none", "echo own"]);
    expect(errors.other.trimEnd()).toBe(
      "after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch",
    );
    expect(errors.otherType).toContain("no common algorithm for host key");
    expect(errors.garbage.trimEnd()).toBe("failed to parse host key: ssh: no key found");
  });
});

describe("a proxy", () => {
  test("is gone through, with a login and a host key of its own", async () => {
    const target = await newServer();
    const proxy = await newServer({ accept: (auth) => auth.username === "jump" });
    const jump = { host: "127.0.0.1", port: proxy.port, user: "jump", dialErrorLimit: 0 };
    const other = sshKey().public;
    const through = (more: object, ofTarget: object = {}): Connection =>
      to(target, { proxy: { ...jump, ...more }, ...ofTarget });
    const { errors } = await newStack().up({
      both: {
        connection: through({ hostKey: proxy.hostKey }, { hostKey: target.hostKey }),
        create: "echo both",
      },
      otherProxy: { connection: through({ hostKey: other }), create: "echo otherProxy" },
      targetsKey: { connection: through({ hostKey: target.hostKey }), create: "echo targetsKey" },
      otherTarget: { connection: through({}, { hostKey: other }), create: "echo otherTarget" },
      inherits: { connection: through({ user: undefined }), create: "echo inherits" },
    });
    expect(target.commands()).toEqual(["echo both"]);
    expect(proxy.commands()).toEqual([]);
    const refused = "proxy: after 0 failed attempts: ssh: handshake failed: ssh: ";
    for (const name of ["otherProxy", "targetsKey", "otherTarget"]) {
      expect(errors[name].trimEnd()).toBe(`${refused}host key mismatch`);
    }
    expect(errors.inherits).toContain(`${refused}unable to authenticate`);
  });

  test("names itself in the error when it or the host behind it cannot be reached", async () => {
    const proxy = await newServer();
    const closed = await newServer();
    closed.stop();
    const { errors, messages } = await newStack().up({
      noProxy: {
        connection: to(proxy, { proxy: { ...(to(closed) as object), dialErrorLimit: 1 } }),
        create: "true",
      },
      noTarget: { connection: to(closed, { dialErrorLimit: 1, proxy: to(proxy) }), create: "true" },
    });
    expect(messages.noProxy).toEqual(["Dial proxy 1/1 failed: retrying"]);
    expect(errors.noProxy.trimEnd()).toBe(
      `proxy: after 1 failed attempts: dial tcp 127.0.0.1:${closed.port}: connect: connection refused`,
    );
    expect(messages.noTarget).toEqual(["Dial from proxy 1/1 failed: retrying"]);
    expect(errors.noTarget).toMatch(/^proxy: after 1 failed attempts: ssh: rejected: /);
  });
});

test("bad arguments are refused before anything is dialled", async () => {
  const server = await newServer();
  const bad = async (args: object): Promise<string> => {
    const connection = to(server);
    const { errors } = await newStack().up({ bad: { connection, ...args } });
    return errors.bad ?? "";
  };
  expect(await bad({ connection: { port: server.port } })).toContain("host");
  expect(await bad({ stdin: ["a list"] })).toContain("stdin");
  expect(server.connections).toBe(0);
});
