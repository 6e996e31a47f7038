import { Stack } from "@pulumi/pulumi/automation";
import { EngineProject, engineProject } from "../helpers/engineProject";
import { changes } from "../helpers/lab";
import { keyPair, SshServer, startSshServer } from "../helpers/sshServer";

// A host that is gone for good, through the real engine and the real command provider.

jest.setTimeout(300000);

const key = keyPair();
let server: SshServer;
let project: EngineProject;
let stack: Stack;
const run: string[] = [];

beforeAll(async () => {
  server = await startSshServer("127.0.0.1", key.public);
  server.answer = (command) => {
    run.push(command);
    return { status: 0 };
  };
  project = await engineProject(
    "gone-test",
    `import * as pulumi from "@pulumi/pulumi";
import { remote } from "@pulumi/command";
import { keepGone } from "../../components/goneHost";
const phase = require("./phase.json");
const { host, port, user } = require("./host.json");
const privateKey = new pulumi.Config().requireSecret("privateKey");
const claim = (type: string, component: string, name: string) => {
  const parent = new pulumi.ComponentResource("redis-cluster:index:" + type, component);
  const connection = { host, port, user, privateKey, dialErrorLimit: 1, perDialTimeout: 2 };
  const logging = remote.Logging.None;
  new remote.Command(
    name,
    { connection, create: "make", update: "change", delete: "take-away", stdin: "files", logging },
    { parent },
  );
};
if (phase === "member") {
  claim("RedisNode", "app-3-node", "app-3-node-install");
  claim("RedisSentinel", "app-3-sentinel", "app-3-sentinel-claim");
}
if (phase === "gone") keepGone({ name: "app-3", hadSentinel: true }, {});
`,
  );
  project.write("host.json", JSON.stringify({ ...server, hostKey: undefined }));
  ({ stack } = project);
  await stack.setConfig("privateKey", { value: key.private, secret: true });
});

afterAll(() => project.remove());

async function up(phase: string): Promise<object> {
  project.write("phase.json", JSON.stringify(phase));
  return changes((await stack.up()).summary.resourceChanges);
}

test("its claims stay for a run, and go in the next: nobody is asked", async () => {
  expect(await up("member")).toEqual({ create: 5 });
  expect(run).toEqual(["make", "make"]);
  await server.stop();
  expect(await up("gone")).toEqual({});
  expect(await up("none")).toMatchObject({ discard: 2 });
  const { deployment } = await stack.exportStack();
  const { resources = [] } = deployment as { resources?: { urn: string }[] };
  expect(resources.filter(({ urn }) => urn.includes("app-3"))).toEqual([]);
  expect(run).toEqual(["make", "make"]);
});
