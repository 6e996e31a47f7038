// What the command plugin declares and what of it is in a state; see command.test.ts.
import { execFileSync } from "child_process";
import { readFileSync } from "fs";
import { join } from "path";
import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { newServer, newStack, to } from "./servers";
import { SshServer } from "./sshServer";
import { plugin, Program, TOKEN } from "./stack";

jest.setTimeout(300_000);

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
