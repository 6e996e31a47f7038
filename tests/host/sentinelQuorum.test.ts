/** The dynamic provider through the real engine: run `. build/env.sh` first, or use make. */
import { readFileSync } from "fs";
import { join, resolve } from "path";
import { Stack, UpResult } from "@pulumi/pulumi/automation";
import { SentinelQuorumArgs } from "../../components/sentinelQuorum";
import { EngineProject, engineProject } from "../helpers/engineProject";
import { eventually, masterName, operatorPassword, startRedisGroup } from "../helpers/redisGroup";
import type { RedisGroup } from "../helpers/redisGroup";
import { keyPair, SshServer, startSshServer } from "../helpers/sshServer";

jest.setTimeout(300000);

const repository = resolve(__dirname, "../..");
const names = ["console", "app-1", "app-2"];
const key = keyPair();
let group: RedisGroup;
let servers: SshServer[];
let project: EngineProject;
let stack: Stack;

beforeAll(async () => {
  group = startRedisGroup(names);
  servers = await Promise.all(
    group.nodes.map(({ address }) => startSshServer(address, key.public)),
  );
  project = await engineProject(
    "quorum-test",
    `import * as pulumi from "@pulumi/pulumi";
import { SentinelQuorum } from "../../components/sentinelQuorum";
const config = new pulumi.Config();
const quorum = new SentinelQuorum("quorum", {
  ...require("./args.json"),
  privateKey: config.requireSecret("privateKey"),
  operatorPassword: config.requireSecret("operatorPassword"),
});
export const { currentMaster, currentMasterAddress, epoch } = quorum;
`,
  );
  ({ stack } = project);
  await stack.setAllConfig({
    privateKey: { value: key.private, secret: true },
    operatorPassword: { value: operatorPassword, secret: true },
  });
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await group.destroy();
  project.remove();
});

function configure(changes: Partial<SentinelQuorumArgs>): void {
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
  project.write("args.json", JSON.stringify(args));
}

function changesOf({ summary }: UpResult): Record<string, number> {
  const all = Object.entries(summary.resourceChanges ?? {});
  return Object.fromEntries(all.filter(([operation]) => operation !== "same"));
}

/** The state file, as it lies on disk. */
function stateFile(): string {
  return readFileSync(
    join(project.directory, "state/.pulumi/stacks/quorum-test/test.json"),
    "utf8",
  );
}

/** What the state holds of the check's outputs. */
function lastSeen(): Record<string, unknown> {
  const { checkpoint } = JSON.parse(stateFile()) as {
    checkpoint: { latest: { resources: { type: string; outputs: Record<string, unknown> }[] } };
  };
  const check = checkpoint.latest.resources.find(({ type }) => type.endsWith(":SentinelQuorum"));
  const { currentMaster, currentMasterAddress, epoch } = check?.outputs ?? {};
  return { currentMaster, currentMasterAddress, epoch };
}

function expectNoSecrets(text: string): void {
  expect(text).not.toContain(operatorPassword);
  expect(text).not.toContain("OPENSSH PRIVATE KEY");
}

/** What the last test left: each test here goes on where the one before ended. */
test("preview asks nobody; create waits for the group and says who is master", async () => {
  configure({});
  const preview = await stack.preview();
  expect(servers.map((server) => server.logins())).toEqual([0, 0, 0]);
  expect(preview.changeSummary).toEqual({ create: 2 });
  const up = await stack.up();
  expect(lastSeen()).toEqual({
    currentMaster: "console",
    currentMasterAddress: group.nodes[0].address,
    epoch: 0,
  });
  expectNoSecrets(up.stdout + up.stderr + stateFile());
  expect(stateFile()).not.toContain(repository);
});

test("nothing changed: nothing is asked", async () => {
  const before = servers.map((server) => server.logins());
  expect(changesOf(await stack.up())).toEqual({});
  expect(servers.map((server) => server.logins())).toEqual(before);
});

test("another rollout runs the check again", async () => {
  configure({ rollout: "second" });
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
    return master !== group.nodes[0].address;
  });
  await stack.refresh();
  expect(lastSeen()).toMatchObject({ currentMasterAddress: master, epoch: 1 });
  expectNoSecrets(stateFile());
  const before = servers.map((server) => server.logins());
  const up = await stack.up();
  expect(changesOf(up)).toEqual({});
  expect(up.outputs.currentMasterAddress.value).toBe(master);
  expect(servers.map((server) => server.logins())).toEqual(before);
});

test("a group that is not whole fails the update with what each said", async () => {
  await group.stop("sentinel", "app-2");
  configure({ rollout: "third", stallSeconds: 2 });
  const error = await stack.up().then(
    () => "",
    (failure: Error) => failure.message,
  );
  expect(error).toContain(
    `${masterName} is not whole, and nothing moved for 2 s (redis-cluster:limits.stall):`,
  );
  expect(error).toMatch(/app-2: sentinel [\d.]+:26389 does not answer/);
  expect(error).toMatch(/console +sentinel +[\d.]+:26389 +master 127/);
  expect(error).toContain(
    `next: ssh -p ${servers[2].port} deploy@${servers[2].host} sudo /usr/local/lib/redis-cluster/redis-cluster gate`,
  );
  expectNoSecrets(error);
  group.start("sentinel", "app-2");
  configure({ rollout: "third", stallSeconds: 60 });
  expect(changesOf(await stack.up())).toEqual({ update: 1 });
});

test("refresh without a route keeps what was last seen, and that is no change", async () => {
  const before = lastSeen();
  await Promise.all(servers.map((server) => server.stop()));
  await stack.refresh();
  expect(lastSeen()).toEqual(before);
  expectNoSecrets(stateFile());
  expect(changesOf(await stack.up())).toEqual({});
});
