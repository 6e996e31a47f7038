import { readFileSync } from "fs";
import { join, resolve } from "path";
import { Stack } from "@pulumi/pulumi/automation";
import { EngineProject, engineProject } from "../helpers/engineProject";
import { changes } from "../helpers/lab";
import { keyPair, SshServer, startSshServer } from "../helpers/sshServer";

// The resource alone, through the real engine: hosts are SSH servers that answer for the host program.

jest.setTimeout(300000);

const repository = resolve(__dirname, "../..");
const names = ["app-1", "app-2"];
const key = keyPair();
const found = "app-1 redis.maxmemory: wanted 0, seen 104857600";
let servers: SshServer[];
let project: EngineProject;
let stack: Stack;

beforeAll(async () => {
  servers = await Promise.all(names.map(() => startSshServer("127.0.0.1", key.public)));
  const hosts = servers.map(({ host, port, user, hostKey }, i) => ({
    ...{ name: names[i], host, port, user, hostKey },
  }));
  project = await engineProject(
    "drift-test",
    `import * as pulumi from "@pulumi/pulumi";
import { HostDrift } from "../../components/hostDrift";
const privateKey = new pulumi.Config().requireSecret("privateKey");
const hosts: { name: string; host: string }[] = require("./hosts.json");
const nodes = hosts.map(({ name, host: address }) => ({ name, address, port: 1 }));
export const { repair } = new HostDrift("drift", { hosts: hosts as never, nodes, privateKey });
`,
  );
  project.write("hosts.json", JSON.stringify(hosts));
  ({ stack } = project);
  await stack.setConfig("privateKey", { value: key.private, secret: true });
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  project.remove();
});

function answer(host: string, ...lines: string[]): void {
  servers[names.indexOf(host)].answer = (command) =>
    command.endsWith("/redis-cluster within 50 drift")
      ? { stdout: lines.map((line) => `${line}\n`).join(""), status: 0 }
      : { status: 127 };
}

const logins = () => servers.map((server) => server.logins());

async function upped(): Promise<{ changes: object; repair: Record<string, string> }> {
  const { summary, outputs } = await stack.up();
  return {
    changes: changes(summary.resourceChanges),
    repair: outputs.repair.value as Record<string, string>,
  };
}

/** What each test leaves: the next one goes on from there. */
test("a preview asks nobody; an sshd that forbids what the check at the end needs is refused first", async () => {
  const preview = await stack.preview({ diff: true });
  expect(preview.stdout).toMatch(/repair *: \{\s*app-1: ""\s*app-2: ""/);
  expect(logins()).toEqual([0, 0]);
  servers[1].forwards = false;
  const said = await stack.up().catch((error: Error) => error.message);
  expect(said).toMatch(
    /from app-2 to 127.0.0.1:1: its sshd forbids forwarding; expected AllowTcpForwarding yes/,
  );
  expect(said).toContain("Nothing was changed");
  servers[1].forwards = true;
});

test("a host that did not let us in is tried again in the next run", async () => {
  await stack.setConfig("privateKey", { value: keyPair().private, secret: true });
  expect(await upped()).toMatchObject({ changes: { create: 1 } });
  servers[0].forwards = false;
  await stack.setConfig("privateKey", { value: key.private, secret: true });
  await expect(stack.up()).rejects.toThrow("from app-1 to 127.0.0.1:1: its sshd forbids");
  servers[0].forwards = true;
  expect(await upped()).toMatchObject({ changes: { update: 1 } });
});

test("up asks nobody more, also the second time", async () => {
  const before = logins();
  expect(await upped()).toEqual({ changes: {}, repair: { "app-1": "", "app-2": "" } });
  expect(await upped()).toMatchObject({ changes: {} });
  expect(logins()).toEqual(before);
});

test("a refresh of hosts as they were deployed finds nothing, and there is nothing to do", async () => {
  for (const host of names) answer(host);
  await stack.refresh();
  expect(await upped()).toMatchObject({ changes: {} });
});

test("a finding: the refresh and the preview tell it, and that host alone gets another id", async () => {
  answer("app-1", found);
  const refresh = await stack.refresh();
  expect(refresh.stdout).toContain(found);
  const preview = await stack.preview({ diff: true });
  expect(preview.stdout).toContain(`- [0]: "${found}"`);
  const { changes: made, repair } = await upped();
  expect(made).toEqual({ update: 1 });
  expect(repair["app-2"]).toBe("");
  expect(repair["app-1"]).toMatch(/^[0-9a-f]{16}$/);
  expect(preview.stdout).toContain(repair["app-1"]);
  expect(await upped()).toEqual({ changes: {}, repair });
  answer("app-1");
  await stack.refresh();
  expect(await upped()).toEqual({ changes: {}, repair });
  answer("app-1", found);
  await stack.refresh();
  expect((await upped()).repair["app-1"]).not.toBe(repair["app-1"]);
});

test("what a host says is its own alone, and steers no terminal", async () => {
  const forged = "app-2 redis.maxmemory: wanted 0, seen 1";
  answer("app-1", forged, "app-1 redis.hz: wanted 10, seen \x1b[2J\x07!");
  const { stdout } = await stack.refresh();
  expect(stdout).toContain("app-1 redis.hz: wanted 10, seen  [2J !");
  expect(stdout).not.toContain(forged);
  expect((await upped()).repair["app-2"]).toBe("");
});

test("a host that cannot tell is a finding, one that is out of reach is none", async () => {
  answer("app-1");
  servers[1].answer = () => ({ stderr: "sudo: redis-cluster: command not found\n", status: 127 });
  const { stdout } = await stack.refresh();
  expect(stdout).toContain("app-2 redis-cluster drift: wanted an answer, seen sudo:");
  expect((await upped()).changes).toEqual({ update: 1 });
  await servers[1].stop();
  expect((await stack.refresh()).stdout).toMatch(
    /app-2 was not looked at: app-2 \(ssh .*ECONNREFUSED/,
  );
  expect((await upped()).changes).toEqual({});
});

test("the key stays secret", () => {
  const state = readFileSync(
    join(project.directory, "state/.pulumi/stacks/drift-test/test.json"),
    "utf8",
  );
  expect(state).not.toContain("OPENSSH PRIVATE KEY");
  expect(state).not.toContain(repository);
});
