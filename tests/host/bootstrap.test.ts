import { Stack } from "@pulumi/pulumi/automation";
import { chooseBootstrap } from "../../components/providers/bootstrap";
import { EngineProject, engineProject } from "../helpers/engineProject";
import { changes } from "../helpers/lab";
import { keyPair, SshServer, startSshServer } from "../helpers/sshServer";

// Who is the first master, by what every host says it holds.

const names = ["app-1", "app-2", "console"];
const choose = (...states: string[]) =>
  chooseBootstrap(Object.fromEntries(names.map((name, i) => [name, states[i]])), "console");

test.each([
  ["empty", "empty", "empty", "console"],
  ["empty", "marked", "empty", "app-2"],
  ["empty", "marked", "data", "app-2"],
  ["retired-master", "empty", "data", "app-1"],
  ["legacy", "legacy", "empty", ""],
  ["retired-master", "restore", "data", "app-2"],
  ["marked", "restore", "empty", "app-2"],
  ["initialised", "restore", "data", ""],
  ["initialised", "unread", "data", ""],
  ["marked", "initialised", "retired-master", ""],
])("%s, %s and %s: '%s'", (one, two, three, chosen) => {
  expect(choose(one, two, three)).toBe(chosen);
});

test.each([
  ["unread", "empty", "empty", /data on app-1 that .* would not load.*convert NAME/],
  ["unread", "retired-master", "marked", /data on app-1 that .* would not load/],
  ["empty", "data", "empty", /unknown age on: app-2; .*touch .*retired-master/],
  ["retired-master", "data", "retired-master", /unknown age on: app-1 app-2 console;/],
  ["restore", "restore", "data", /restored on app-1 app-2; expected one host/],
  ["unread", "restore", "empty", /data on app-1 that .* would not load/],
  ["marked", "marked", "empty", /unknown age on: app-1 app-2;/],
  ["legacy", "legacy", "data", /on app-1 app-2 is not taken over: .* data on console/],
])("%s, %s and %s: refused", (one, two, three, message) => {
  expect(() => choose(one, two, three)).toThrow(message);
});

describe("through the real engine", () => {
  jest.setTimeout(300000);
  const key = keyPair();
  let servers: SshServer[];
  let project: EngineProject;
  let stack: Stack;

  beforeAll(async () => {
    servers = await Promise.all(names.map(() => startSshServer("127.0.0.1", key.public)));
    const hosts = servers.map(({ host, port, user, hostKey }, i) => ({
      ...{ name: names[i], host, port, user, hostKey },
    }));
    project = await engineProject(
      "bootstrap-test",
      `import * as pulumi from "@pulumi/pulumi";
import { Bootstrap } from "../../components/bootstrap";
const config = new pulumi.Config();
export const { chosen } = new Bootstrap("bootstrap", {
  hosts: require("./hosts.json"), privateKey: config.requireSecret("privateKey"),
  bootstrapMaster: "console", nodes: require("./hosts.json").map(({ name, host, port }) => ({ name, address: host, port })), after: [config.require("after")],
});
`,
    );
    project.write("hosts.json", JSON.stringify(hosts));
    ({ stack } = project);
    await stack.setConfig("privateKey", { value: key.private, secret: true });
    await stack.setConfig("after", { value: "first" });
  });

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    project.remove();
  });

  function say(...states: string[]): void {
    servers.forEach((server, i) => {
      server.answer = (command) =>
        command.endsWith("/redis-cluster within 110 node-prove")
          ? { stdout: `Welcome!\n${names[i]} ${states[i]}\n`, status: 0 }
          : { status: 127 };
    });
  }
  const failure = () =>
    stack.up().then(
      () => "",
      (error: Error) => error.message,
    );
  const upped = async () => {
    const { summary, outputs } = await stack.up();
    return [outputs.chosen.value as string, changes(summary.resourceChanges)];
  };

  test("a refusal is decided by what the hosts say now, in every run", async () => {
    say("unread", "empty", "empty");
    expect(await failure()).toContain("data on app-1 that this configuration would not load");
    say("retired-master", "empty", "data");
    expect(await upped()).toEqual(["app-1", { create: 1 }]);
    // Nothing was prepared anew: nobody is asked.
    say("data", "data", "data");
    expect(await upped()).toEqual(["app-1", {}]);
    await stack.setConfig("after", { value: "second" });
    expect(await failure()).toContain("data of unknown age on: app-1 app-2 console");
    say("initialised", "initialised", "data");
    expect(await upped()).toEqual(["", { update: 1 }]);
  });

  test("a host that says something else is named, and decides nothing", async () => {
    await stack.setConfig("after", { value: "third" });
    for (const word of ["app-2 empty", "app-1 unheard-of", "app-1 empty; more"]) {
      say("initialised", "initialised", "initialised");
      servers[0].answer = () => ({ stdout: `${word}\n`, status: 0 });
      expect(await failure()).toContain(`app-1 says "${word}" of itself`);
    }
    servers[0].answer = () => ({ stdout: "", stderr: "error: is not taken over", status: 1 });
    expect(await failure()).toContain("error: is not taken over");
  });
});
