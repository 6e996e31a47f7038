// The cases that the official command plugin 1.2.1 and the stand-in in toolchain/command-plugin must both pass.
// schema.json and state.json hold what the official one answered and wrote. Commands that are given standard input read
// it: to the official plugin it can be an error (EOF) if one does not.
import { execFileSync } from "child_process";
import { remote } from "@pulumi/command";
import { newServer, newStack, to } from "./servers";
import { SshServer } from "./sshServer";
import { Program, Result } from "./stack";

jest.setTimeout(300_000);

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
