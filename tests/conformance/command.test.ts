// The cases that the official command plugin 1.2.1 and the stand-in in toolchain/command-plugin must both pass.
// schema.json and state.json hold what the official one answered and wrote. Commands that are given standard input read
// it: to the official plugin it can be an error (EOF) if one does not.
import { execFileSync } from "child_process";
import { readFileSync } from "fs";
import { join } from "path";
import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { utils } from "ssh2";
import { SshServer, SshServerOptions } from "./sshServer";
import { plugin, Program, Result, Stack, TOKEN } from "./stack";
import { sshKey } from "../helpers/sshKey";

jest.setTimeout(300_000);

type Connection = remote.CommandArgs["connection"];

const stacks: Stack[] = [];
const servers: SshServer[] = [];

afterAll(() => {
  stacks.forEach((stack) => stack.remove());
  servers.forEach((server) => server.stop());
});

function newStack(env?: Record<string, string>): Stack {
  const stack = new Stack(env);
  stacks.push(stack);
  return stack;
}

async function newServer(options?: SshServerOptions): Promise<SshServer> {
  const server = await new SshServer(options).start();
  servers.push(server);
  return server;
}

function to(server: SshServer, more: object = {}): Connection {
  return { host: "127.0.0.1", port: server.port, password: "secret", dialErrorLimit: 0, ...more };
}

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(join(__dirname, name), "utf8"));
}

function withoutDescriptions(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withoutDescriptions);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => key !== "description" || typeof inner !== "string")
      .map(([key, inner]) => [key, withoutDescriptions(inner)]),
  );
}

test("the schema is that of 1.2.1, the descriptions aside", () => {
  const schema = JSON.parse(
    execFileSync("pulumi", ["package", "get-schema", plugin], { encoding: "utf8" }),
  ) as { version: string; resources: Record<string, unknown>; types: Record<string, unknown> };
  const types = Object.entries(schema.types).filter(([token]) => token.includes(":remote:"));
  expect(schema.version).toBe("1.2.1");
  expect(
    withoutDescriptions({ resource: schema.resources[TOKEN], types: Object.fromEntries(types) }),
  ).toEqual(fixture("schema.json"));
});

describe("a command's life", () => {
  let server: SshServer;
  let created: Result, unchanged: Result, previewed: Result, changed: Result, destroyed: Result;
  const ran: Record<string, string[]> = {};
  const connections: Record<string, number> = {};

  beforeAll(async () => {
    server = await newServer();
    const stack = newStack();
    const program = (stdin: string): Program => ({
      both: { connection: to(server), create: "cat; echo 1", update: "cat; echo 2", stdin },
      createOnly: { connection: to(server), create: "cat; echo createOnly", stdin },
      updateOnly: { connection: to(server), update: "cat; echo updateOnly", stdin },
      nothing: { connection: to(server), stdin },
      untouched: { connection: to(server), create: "echo untouched", delete: "echo untouched 3" },
      triggered: {
        connection: to(server),
        create: "echo triggered 1",
        update: "echo triggered 2",
        delete: "echo triggered 3",
        triggers: ["always", { nested: [stdin] }],
      },
      reconnected: {
        connection: to(server, { perDialTimeout: stdin === "one" ? 5 : 6 }),
        create: "echo reconnected 1",
        update: "echo reconnected 2",
      },
      rescripted: { connection: to(server), create: `echo rescripted; : ${stdin}` },
      redeleted: { connection: to(server), create: "echo redeleted", delete: `echo ${stdin}` },
    });
    const phase = async (name: string, run: () => Promise<Result>): Promise<Result> => {
      const before = server.runs.length;
      const dialled = server.connections;
      const result = await run();
      ran[name] = server.commands().slice(before);
      connections[name] = server.connections - dialled;
      return result;
    };
    created = await phase("create", () => stack.up(program("one")));
    unchanged = await phase("unchanged", () => stack.up(program("one")));
    await phase("refresh", () => stack.refresh());
    previewed = await phase("preview", () => stack.preview(program("two")));
    changed = await phase("change", () => stack.up(program("two")));
    destroyed = await phase("destroy", () => stack.destroy());
  });

  test("create runs on creation, and only where there is one", () => {
    expect(created.errors).toEqual({});
    expect(ran.create.sort()).toEqual([
      "cat; echo 1",
      "cat; echo createOnly",
      "echo reconnected 1",
      "echo redeleted",
      "echo rescripted; : one",
      "echo triggered 1",
      "echo untouched",
    ]);
    expect(created.outputs.both).toMatchObject({ stdout: "one1", stderr: "" });
    expect(created.outputs.nothing).toMatchObject({ stdout: "", stderr: "" });
    expect(created.outputs.updateOnly).toMatchObject({ stdout: "", stderr: "" });
  });

  test("an id is the name and eight hexadecimal digits", () => {
    expect(created.ids.both).toMatch(/^both[0-9a-f]{8}$/);
  });

  test("nothing changed: no step, no connection", () => {
    expect(unchanged.steps).toEqual([]);
    expect(connections.unchanged).toBe(0);
  });

  test("a refresh and a preview do not connect", () => {
    expect(connections.refresh).toBe(0);
    expect(connections.preview).toBe(0);
  });

  test("a preview shows the steps that the run then takes", () => {
    expect(previewed.steps.sort()).toEqual([...changed.steps].sort());
  });

  test("any changed input but triggers is an update in place", () => {
    expect(changed.errors).toEqual({});
    for (const name of ["both", "createOnly", "updateOnly", "nothing", "reconnected"]) {
      expect(changed.steps).toContain(`update ${name}`);
      expect(changed.ids[name]).toBe(created.ids[name]);
    }
  });

  test("update runs on an update, or create where there is no update", () => {
    expect(changed.outputs.both).toMatchObject({ stdout: "two2" });
    expect(changed.outputs.createOnly).toMatchObject({ stdout: "twocreateOnly" });
    expect(changed.outputs.updateOnly).toMatchObject({ stdout: "twoupdateOnly" });
    expect(changed.outputs.reconnected).toMatchObject({ stdout: "reconnected 2" });
    expect(ran.change).toEqual(
      expect.arrayContaining(["cat; echo createOnly", "echo rescripted; : two", "echo redeleted"]),
    );
  });

  test("changed triggers replace: create first, the old delete last", () => {
    expect(changed.steps).toEqual(
      expect.arrayContaining(["create-replacement triggered", "delete-replaced triggered"]),
    );
    expect(changed.steps.at(-1)).toBe("delete-replaced triggered");
    expect(changed.ids.triggered).not.toBe(created.ids.triggered);
    expect(ran.change).toContain("echo triggered 1");
    expect(ran.change).not.toContain("echo triggered 2");
    expect(ran.change.at(-1)).toBe("echo triggered 3");
  });

  test("what did not change is left alone", () => {
    expect(changed.steps.filter((step) => step.endsWith(" untouched"))).toEqual([]);
    expect(ran.change).not.toContain("echo untouched");
  });

  test("delete runs on deletion, and only where there is one", () => {
    expect(destroyed.errors).toEqual({});
    expect(ran.destroy.sort()).toEqual(["echo triggered 3", "echo two", "echo untouched 3"]);
  });
});

test("in a preview the output of a command that will run is unknown to the next one", async () => {
  const server = await newServer();
  const stack = newStack();
  const program = (stdin: string): Program => ({
    first: { connection: to(server), create: "cat >/dev/null; echo same", stdin },
    second: ({ first }) => ({ connection: to(server), create: "cat", stdin: first.stdout }),
  });
  await stack.up(program("one"));
  const previewed = await stack.preview(program("two"));
  const changed = await stack.up(program("two"));
  expect(previewed.steps).toEqual(["update first", "update second"]);
  expect(changed.steps).toEqual(["update first"]);
});

describe("what a command is given", () => {
  const accepted = ["GIVEN", "PULUMI_COMMAND_STDOUT", "PULUMI_COMMAND_STDERR"];
  const printFirst = "cat >/dev/null; echo out; echo err >&2";
  const print = "cat >/dev/null; echo ${PULUMI_COMMAND_STDOUT-none}/${PULUMI_COMMAND_STDERR-none}";

  test("standard input, byte by byte, and an end of it", async () => {
    const server = await newServer();
    const long = "0123456789abcde\n".repeat(65_536);
    const { errors, outputs } = await newStack().up({
      absent: { connection: to(server), create: "wc -c" },
      empty: { connection: to(server), create: "wc -c", stdin: "" },
      long: { connection: to(server), create: "cksum", stdin: long },
      text: { connection: to(server), create: "cat", stdin: " 'é'\n$x\\\n\nend" },
    });
    expect(errors).toEqual({});
    expect(outputs.absent.stdout).toBe("0");
    expect(outputs.empty.stdout).toBe("0");
    expect(outputs.long.stdout).toBe(execFileSync("cksum", { input: long }).toString().trim());
    expect(outputs.text.stdout).toBe(" 'é'\n$x\\\n\nend");
  });

  test("environment variables that the server accepts; another one is an error and nothing runs", async () => {
    const server = await newServer({ acceptEnv: accepted });
    const { errors, outputs } = await newStack().up({
      given: { connection: to(server), create: "echo $GIVEN", environment: { GIVEN: "a b" } },
      refused: { connection: to(server), create: "echo never", environment: { OTHER: "x" } },
    });
    expect(outputs.given.stdout).toBe("a b");
    expect(errors.refused).toContain(
      'could not set environment variable "OTHER": ssh: setenv failed',
    );
    expect(server.commands()).toEqual(["echo $GIVEN"]);
  });

  test("the previous output, unless told not to", async () => {
    const server = await newServer({ acceptEnv: accepted });
    const stack = newStack();
    const program = (stdin: string): Program => ({
      wanted: {
        connection: to(server),
        create: printFirst,
        update: print,
        delete: "echo delete",
        stdin,
      },
      unwanted: {
        connection: to(server),
        create: printFirst,
        update: print,
        addPreviousOutputInEnv: false,
        stdin,
      },
    });
    await stack.up(program("one"));
    const { outputs } = await stack.up(program("two"));
    await stack.destroy();
    expect(outputs.wanted.stdout).toBe("out/err");
    expect(outputs.unwanted.stdout).toBe("none/none");
    expect(server.runs.at(-1)?.environment).toEqual({ PULUMI_COMMAND_STDOUT: "out/err" });
  });

  test("a server that refuses the previous output: a warning for each, and the command runs", async () => {
    const server = await newServer();
    const stack = newStack();
    const program = (stdin: string): Program => ({
      refused: { connection: to(server), create: printFirst, update: print, stdin },
    });
    await stack.up(program("one"));
    const { errors, outputs, messages } = await stack.up(program("two"));
    expect(errors).toEqual({});
    expect(outputs.refused.stdout).toBe("none/none");
    expect(messages.refused).toEqual(
      expect.arrayContaining([
        expect.stringContaining("Unable to set 'PULUMI_COMMAND_STDOUT'"),
        expect.stringContaining("Unable to set 'PULUMI_COMMAND_STDERR'"),
      ]),
    );
  });
});

describe("what a command prints", () => {
  let result: Result;
  const long = 70_000;

  beforeAll(async () => {
    const server = await newServer();
    const connection = to(server);
    const create = "echo out; echo err >&2";
    result = await newStack().up({
      default: { connection, create },
      both: { connection, create, logging: remote.Logging.StdoutAndStderr },
      stdout: { connection, create, logging: remote.Logging.Stdout },
      stderr: { connection, create, logging: remote.Logging.Stderr },
      none: { connection, create, logging: remote.Logging.None },
      newlines: { connection, create: "printf '\\na\\n\\n'; printf 'b\\r\\n' >&2" },
      unended: { connection, create: "printf out" },
      long: {
        connection,
        create: `head -c ${long} /dev/zero | tr '\\0' x`,
        logging: remote.Logging.None,
      },
    });
  });

  test("is in the outputs less one newline, whatever is logged", () => {
    expect(result.errors).toEqual({});
    for (const name of ["default", "both", "stdout", "stderr", "none"]) {
      expect(result.outputs[name]).toMatchObject({ stdout: "out", stderr: "err" });
    }
    expect(result.outputs.newlines).toMatchObject({ stdout: "\na\n", stderr: "b\r" });
    expect(result.outputs.unended).toMatchObject({ stdout: "out", stderr: "" });
  });

  test("is shown as `logging` says, both by default", () => {
    const shown = (name: string): string[] => (result.messages[name] ?? []).sort();
    expect(shown("default")).toEqual(["err", "out"]);
    expect(shown("both")).toEqual(["err", "out"]);
    expect(shown("stdout")).toEqual(["out"]);
    expect(shown("stderr")).toEqual(["err"]);
    expect(shown("none")).toEqual([]);
    expect(shown("unended")).toEqual(["out"]);
  });

  test("a line over 64 KiB comes through when it is not logged", () => {
    expect(result.outputs.long.stdout).toBe("x".repeat(long));
  });
});

describe("a command that fails", () => {
  test("prints its status, its text and its output", async () => {
    const server = await newServer();
    const connection = to(server);
    const { errors, steps } = await newStack().up({
      status: { connection, create: 'echo "a"\necho b; exit 3' },
      stderr: { connection, create: "echo wrong >&2; exit 1" },
      silent: { connection, create: "false", logging: remote.Logging.None },
      killed: { connection, create: "kill -9 $$" },
    });
    expect(steps).toHaveLength(4);
    expect(errors.status.trimEnd()).toBe(
      'Process exited with status 3: running "echo \\"a\\"\\necho b; exit 3":\na\nb',
    );
    expect(errors.stderr.trimEnd()).toBe(
      'Process exited with status 1: running "echo wrong >&2; exit 1":\nwrong',
    );
    expect(errors.silent.trimEnd()).toBe('Process exited with status 1: running "false":');
    expect(errors.killed).toContain(
      'Process exited with status 137 from signal KILL: running "kill -9 $$":',
    );
  });

  test("stays owed: a create is tried again, an update too, a delete keeps the resource", async () => {
    const server = await newServer();
    const connection = to(server);
    const stack = newStack();
    const program = (stdin: string): Program => ({
      fails: { connection, create: "exit 1" },
      changes: { connection, create: "grep one", delete: "exit 4", stdin },
    });
    const first = await stack.up(program("one"));
    const second = await stack.up(program("two"));
    const third = await stack.up(program("two"));
    const reverted = await stack.up(program("one"));
    const destroyed = await stack.destroy();
    const again = await stack.destroy();
    expect(first.steps.sort()).toEqual(["create changes", "create fails"]);
    expect(second.steps.sort()).toEqual(["create fails", "update changes"]);
    expect(third.steps.sort()).toEqual(["create fails", "update changes"]);
    expect(reverted.steps).toEqual(["create fails"]);
    expect(destroyed.errors.changes).toContain('Process exited with status 4: running "exit 4"');
    expect(again.steps).toEqual(["delete changes"]);
  });
});

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

test("the state keeps connections and secret inputs encrypted, outputs not", async () => {
  const server = await newServer({ accept: () => true });
  const stack = newStack();
  const { errors } = await stack.up({
    a: {
      connection: to(server, { user: "user-in-state", password: "password-in-state" }),
      create: "cat",
      delete: pulumi.secret("true delete-in-state"),
      stdin: pulumi.secret("stdin-in-state"),
    },
  });
  expect(errors).toEqual({});
  const [command] = (
    JSON.parse(stack.rawState()) as {
      checkpoint: { latest: { resources: { type: string; inputs: object; outputs: object }[] } };
    }
  ).checkpoint.latest.resources.filter(({ type }) => type === TOKEN);
  for (const text of ["user-in-state", "password-in-state", "delete-in-state"]) {
    expect(JSON.stringify(command)).not.toContain(text);
  }
  expect(JSON.stringify(command.inputs)).not.toContain("stdin-in-state");
  expect(command.outputs).toMatchObject({
    create: "cat",
    stdout: "stdin-in-state",
    connection: { ciphertext: expect.any(String) as string },
    stdin: { ciphertext: expect.any(String) as string },
  });
});

describe("state that the official plugin wrote", () => {
  let server: SshServer, proxy: SshServer;

  beforeAll(async () => {
    const acceptEnv = ["GIVEN", "PULUMI_COMMAND_STDOUT", "PULUMI_COMMAND_STDERR"];
    server = await newServer({ acceptEnv });
    proxy = await newServer();
  });

  const program = (stdin: string): Program => ({
    full: {
      connection: to(server, {
        hostKey: server.hostKey,
        proxy: { ...(to(proxy) as object), hostKey: proxy.hostKey, dialErrorLimit: 4 },
      }),
      create: "cat >/dev/null; echo created; echo error >&2",
      update: "cat >/dev/null; echo $PULUMI_COMMAND_STDOUT $GIVEN",
      delete: "cat >/dev/null; echo deleted",
      environment: { GIVEN: "given" },
      logging: remote.Logging.None,
      addPreviousOutputInEnv: true,
      triggers: ["one", 2, { three: [true, null] }],
      stdin,
    },
    least: {
      connection: { host: "127.0.0.1", port: server.port, password: "secret" },
      create: "echo least",
    },
    secretInputs: {
      connection: to(server),
      create: pulumi.secret("cat"),
      stdin: pulumi.secret("stdin"),
      environment: pulumi.secret({ GIVEN: "given" }),
    },
  });

  /** The ports and keys of this run's servers in the place of those in the file. */
  const recorded = (): pulumi.automation.Deployment => {
    const text = readFileSync(join(__dirname, "state.json"), "utf8");
    return JSON.parse(
      text
        .replaceAll("22001", `${server.port}`)
        .replaceAll("22002", `${proxy.port}`)
        .replaceAll("SERVER-KEY", server.hostKey)
        .replaceAll("PROXY-KEY", proxy.hostKey),
    ) as pulumi.automation.Deployment;
  };

  const commandsOf = ({ deployment }: pulumi.automation.Deployment): object =>
    Object.fromEntries(
      (
        deployment as {
          resources: { type: string; urn: string; inputs: object; outputs: object }[];
        }
      ).resources
        .filter(({ type }) => type === TOKEN || type === "pulumi:providers:command")
        .map(({ urn, inputs, outputs }) => [urn, { inputs, outputs }]),
    );

  test("is what this plugin writes for the same program", async () => {
    const stack = newStack();
    await stack.up(program("one"));
    expect(commandsOf(await stack.exportState())).toEqual(commandsOf(recorded()));
  });

  test("is no change to this plugin, and is carried on with by it", async () => {
    const stack = newStack();
    await stack.importState(recorded());
    const before = server.runs.length;
    expect((await stack.preview(program("one"))).steps).toEqual([]);
    await stack.refresh();
    expect((await stack.up(program("one"))).steps).toEqual([]);
    expect(server.runs).toHaveLength(before);

    const changed = await stack.up(program("two"));
    expect(changed.steps).toEqual(["update full"]);
    expect(changed.outputs.full).toMatchObject({ stdout: "created given", stderr: "" });
    await stack.destroy();
    expect(server.runs.at(-1)).toMatchObject({
      command: "cat >/dev/null; echo deleted",
      environment: { GIVEN: "given", PULUMI_COMMAND_STDOUT: "created given" },
    });
  });
});
