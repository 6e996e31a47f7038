/** The dynamic provider through the real engine: run `. build/env.sh` first, or use make. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "fs";
import { join, resolve } from "path";
import { LocalWorkspace, Stack, UpResult } from "@pulumi/pulumi/automation";
import { SentinelQuorumArgs } from "../../components/sentinelQuorum";
import { eventually, masterName, operatorPassword, startRedisGroup } from "../helpers/redisGroup";
import type { RedisGroup } from "../helpers/redisGroup";
import { keyPair, SshServer, startSshServer } from "../helpers/sshServer";

jest.setTimeout(180000);

const repository = resolve(__dirname, "../..");
const names = ["console", "app-1", "app-2"];
const key = keyPair();
let group: RedisGroup;
let servers: SshServer[];
let directory: string;
let stack: Stack;

beforeAll(async () => {
  group = startRedisGroup(names);
  servers = await Promise.all(names.map((_, i) => startSshServer(`127.0.2.${i + 1}`, key.public)));
  // Below the repository, so that the program finds its packages.
  mkdirSync(join(repository, "build"), { recursive: true });
  directory = mkdtempSync(join(repository, "build", "quorum-test-"));
  mkdirSync(join(directory, "state"));
  writeFileSync(
    join(directory, "Pulumi.yaml"),
    "name: quorum-test\nruntime: nodejs\nmain: index.ts\n",
  );
  writeFileSync(join(directory, "tsconfig.json"), '{ "extends": "../../tsconfig.json" }\n');
  writeFileSync(
    join(directory, "index.ts"),
    `import * as pulumi from "@pulumi/pulumi";
import { SentinelQuorum } from "../../components/sentinelQuorum";
const config = new pulumi.Config();
const quorum = new SentinelQuorum("quorum", {
  ...config.requireObject<any>("args"),
  privateKey: config.requireSecret("privateKey"),
  operatorPassword: config.requireSecret("operatorPassword"),
});
export const { currentMaster, currentMasterAddress, epoch } = quorum;
`,
  );
  stack = await LocalWorkspace.createOrSelectStack(
    { stackName: "test", workDir: directory },
    {
      envVars: {
        PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "of the test",
        TS_NODE_TRANSPILE_ONLY: "1",
      },
    },
  );
  await stack.setConfig("privateKey", { value: key.private, secret: true });
  await stack.setConfig("operatorPassword", { value: operatorPassword, secret: true });
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await group.destroy();
  rmSync(directory, { recursive: true, force: true });
});

async function configure(changes: Partial<SentinelQuorumArgs>): Promise<void> {
  const args = {
    masterName,
    quorum: 2,
    nodes: group.nodes,
    sentinels: group.sentinels,
    hosts: servers.map(({ host, port, user, hostKey }, i) => ({
      name: names[i],
      host,
      port,
      user,
      hostKey,
    })),
    rollout: "first",
    ...changes,
  };
  await stack.setConfig("args", { value: JSON.stringify(args) });
}

function changesOf({ summary }: UpResult): Record<string, number> {
  const all = Object.entries(summary.resourceChanges ?? {});
  return Object.fromEntries(all.filter(([operation]) => operation !== "same"));
}

/** The state file, as it lies on disk. */
function stateFile(): string {
  return readFileSync(join(directory, "state/.pulumi/stacks/quorum-test/test.json"), "utf8");
}

function expectNoSecrets(text: string): void {
  expect(text).not.toContain(operatorPassword);
  expect(text).not.toContain("OPENSSH PRIVATE KEY");
}

/** What the last test left: each test here goes on where the one before ended. */
test("preview asks nobody; create waits for the group and says who is master", async () => {
  await configure({});
  const preview = await stack.preview();
  expect(servers.map((server) => server.logins())).toEqual([0, 0, 0]);
  expect(preview.changeSummary).toEqual({ create: 2 });
  const up = await stack.up();
  expect(up.outputs.currentMaster.value).toBe("console");
  expect(up.outputs.currentMasterAddress.value).toBe("127.0.2.1");
  expect(up.outputs.epoch.value).toBe(0);
  expectNoSecrets(up.stdout + up.stderr + stateFile());
  expect(stateFile()).not.toContain(repository);
});

test("nothing changed: nothing is asked", async () => {
  const before = servers.map((server) => server.logins());
  expect(changesOf(await stack.up())).toEqual({});
  expect(servers.map((server) => server.logins())).toEqual(before);
});

test("another rollout runs the check again", async () => {
  await configure({ rollout: "second" });
  expect(changesOf(await stack.up())).toEqual({ update: 1 });
});

test("refresh brings in the master after a failover, and that is no change", async () => {
  await group.ask("sentinel", "app-1", "SENTINEL", "FAILOVER", masterName);
  let master = "";
  await eventually(30, async () => {
    const reply = await group.ask(
      "sentinel",
      "app-2",
      "SENTINEL",
      "GET-MASTER-ADDR-BY-NAME",
      masterName,
    );
    [master] = reply as string[];
    return master !== "127.0.2.1";
  });
  await stack.refresh({ runProgram: true });
  const outputs = await stack.outputs();
  expect(outputs.currentMasterAddress.value).toBe(master);
  expect(outputs.epoch.value).toBe(1);
  expectNoSecrets(stateFile());
  const before = servers.map((server) => server.logins());
  expect(changesOf(await stack.up())).toEqual({});
  expect(servers.map((server) => server.logins())).toEqual(before);
});

test("a group that is not whole fails the update with what each said", async () => {
  await group.stop("sentinel", "app-2");
  await configure({ rollout: "third", timeoutSeconds: 2 });
  const error = await stack.up().then(
    () => "",
    (failure: Error) => failure.message,
  );
  expect(error).toContain(`${masterName} is not whole after 2 s:`);
  expect(error).toMatch(/app-2: sentinel 127\.0\.2\.3:26389 does not answer/);
  expect(error).toMatch(/console +sentinel +127\.0\.2\.1:26389 +master 127/);
  expect(error).toMatch(/next: ssh -p \d+ deploy@127\.0\.2\.3 sudo journalctl/);
  expectNoSecrets(error);
  group.start("sentinel", "app-2");
  await configure({ rollout: "third", timeoutSeconds: 60 });
  expect(changesOf(await stack.up())).toEqual({ update: 1 });
});

test("refresh without a route keeps what was last seen, and that is no change", async () => {
  const before = (await stack.outputs()).currentMaster.value as string;
  await Promise.all(servers.map((server) => server.stop()));
  await stack.refresh();
  expect((await stack.outputs()).currentMaster.value).toBe(before);
  expectNoSecrets(stateFile());
  expect(changesOf(await stack.up())).toEqual({});
});
