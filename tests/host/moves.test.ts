import { Stack } from "@pulumi/pulumi/automation";
import { EngineProject, engineProject } from "../helpers/engineProject";

// Another address, port or name, each refused in the real engine's preview with the way that works. No host is asked.

jest.setTimeout(300000);

const names = ["app-1", "app-2", "app-3", "app-4", "console"];
const group = {
  nodes: names.map((name, index) => ({ name, address: `10.77.0.${index + 11}` })),
  sentinels: names,
  nodeless: [] as string[],
  gone: [] as string[],
  foundBy: {
    masterName: "redis-dev-cluster",
    nodePort: "6389",
    sentinelPort: "26389",
    "tls.nodePort": "6390",
    "tls.sentinelPort": "26390",
  },
};
type Group = typeof group;

let project: EngineProject;
let stack: Stack;

const write = (wanted: Group) => project.write("group.json", JSON.stringify(wanted));

beforeAll(async () => {
  project = await engineProject(
    "moves-test",
    `import { ChangeClasses } from "../../components/changeClasses";
import { Decommission } from "../../components/decommission";
const { foundBy, ...members } = require("./group.json");
new Decommission("decommission", { ...members, hosts: [], ports: [6389, 26389], plan: "x", limit: 1 });
new ChangeClasses("change-classes", { foundBy, live: {}, restart: {}, created: [] });
`,
  );
  ({ stack } = project);
  write(group);
  await stack.up();
});

afterAll(() => project.remove());

const nodes = (change: (node: Group["nodes"][number]) => object) => ({
  nodes: group.nodes.map((node) => ({ ...node, ...change(node) })),
});
const named = (foundBy: Partial<Group["foundBy"]>) => ({
  foundBy: { ...group.foundBy, ...foundBy },
});
const without = (...left: string[]) => ({
  nodes: group.nodes.filter(({ name }) => !left.includes(name)),
  sentinels: names.filter((name) => !left.includes(name)),
});

test.each<[string, Partial<Group>, RegExp]>([
  [
    "a host's address",
    nodes(({ name }) => (name === "app-2" ? { address: "10.77.9.9" } : {})),
    /hosts\.app-2\.address is 10\.77\.9\.9; expected 10\.77\.0\.12, .* add it under a name of its own/,
  ],
  [
    "a host's name",
    nodes(({ name }) => (name === "app-2" ? { name: "db-2" } : {})),
    /hosts\.db-2 is at 10\.77\.0\.12, which is app-2's; .* take app-2 off the list, run pulumi up, and only then add db-2/,
  ],
  [
    "three sentinels less of five, on hosts that stay",
    { sentinels: names.slice(3) },
    /no sentinel on app-1 and app-2 and app-3 any more; .* Leave app-2 and app-3 for the next run/,
  ],
  [
    "a node less on a host that stays",
    { nodeless: ["app-1"] },
    /hosts\.app-1\.node is false; .* take app-1 off the list and, in a run after that, add it/,
  ],
  ["two hosts less", without("app-1", "app-2"), /Leave app-2 for the next run/],
  [
    "a host less while another is gone",
    { ...without("app-1", "app-2"), gone: ["app-2"] },
    /Put app-1 back for this run/,
  ],
  ["masterName", named({ masterName: "x" }), /masterName is x; expected redis-dev-cluster/],
  ["nodePort", named({ nodePort: "7000" }), /nodePort is 7000; expected 6389/],
  ["sentinelPort", named({ sentinelPort: "7000" }), /sentinelPort is 7000; expected 26389/],
  ["tls.nodePort", named({ "tls.nodePort": "7000" }), /tls\.nodePort is 7000; expected 6390/],
  [
    "tls.sentinelPort",
    named({ "tls.sentinelPort": "7000" }),
    /tls\.sentinelPort is 7000; expected 26390/,
  ],
])("%s", async (_, change, words) => {
  write({ ...group, ...change });
  await expect(stack.preview()).rejects.toThrow(words);
});

test("set back, nothing is changed", async () => {
  write(group);
  await stack.preview({ expectNoChanges: true });
});
