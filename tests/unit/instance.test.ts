import { readFileSync } from "fs";
import { join } from "path";
import { namesOf, programDirectory } from "../../components/names";
import { provider } from "../../components/providers/hostDrift";
import { nodeFiles, sentinelFiles } from "../../components/release/manifest";
import { refusedInstance } from "../../components/release/refusals";
import { ReplicationTopology } from "../../components/replicationTopology";
import { problemsOf, topologyConfig } from "../helpers/config";
import { registeredBy } from "../helpers/graph";

// A group that has a name on its hosts, where others are.

const everything = {
  firewall: { allow: ["10.78.0.0/16"] },
  backup: { hosts: ["console", "app-1"] },
  tls: { mode: "both" },
};
const config = topologyConfig({ ...everything, instance: "cache" });
const rendered = config.hosts.flatMap((host) =>
  Object.entries({ ...nodeFiles(config, host), ...sentinelFiles(config, host) }),
);

/** What a host calls a group's: paths of which each begins a group's own, units, directories of a unit's, and tables. */
const ours =
  /\/(?:etc|run|var\/\w+|usr\/local\/lib)\/redis-[\w-]+|\bredis-[\w-]+\.(?:service|timer)|(?<=Directory=)redis-[\w-]+|(?<=inet )redis\w+/g;

test("all that it is called by on a host has its name", () => {
  const texts = rendered.flatMap((each) => each);
  const names = new Set(texts.flatMap((text) => [...text.matchAll(ours)].map(([name]) => name)));
  expect([...names].filter((name) => !/[-_]cache\b/.test(name))).toEqual([]);
  expect(names.size).toBeGreaterThan(10);
});

test("its files are those of a group without a name, and nothing else is", () => {
  const plain = topologyConfig(everything);
  const renamed = (text: string) => text.replace(ours, (name) => name.replace(/[-_]cache\b/, ""));
  expect(rendered.map((each) => each.map(renamed))).toEqual(
    plain.hosts.flatMap((host) =>
      Object.entries({ ...nodeFiles(plain, host), ...sentinelFiles(plain, host) }),
    ),
  );
});

test("all that is asked of its hosts is asked of its own program, and whose they are by its name", async () => {
  const cache = topologyConfig({ instance: "cache" });
  const graph = await registeredBy(() => new ReplicationTopology("redis", { config: cache }));
  const lines = [...graph.values()]
    .filter(({ type }) => type === "command:remote:Command")
    .flatMap(({ inputs }) => [inputs.create, inputs.update, inputs.delete])
    .filter((line) => line !== undefined);
  const check = "sudo -n timeout -k 5 60 sh -s -- redis-cluster/dev redis-dev-cluster - cache";
  expect(lines.filter((line) => line === check)).toHaveLength(3);
  for (const line of lines.filter((each) => each !== check))
    expect(line).toMatch(/^sudo -n \/usr\/local\/lib\/redis-cluster-cache\/redis-cluster within /);
  const ways = [...graph.values()].filter(({ inputs }) => "hosts" in inputs);
  expect(ways.length).toBeGreaterThan(5);
  for (const { inputs } of ways) expect(inputs).toMatchObject({ instance: "cache" });
});

test.each([
  ["Cache", "at most 16 lower-case letters and digits"],
  ["a-b", "at most 16 lower-case letters and digits"],
  ["../x", "at most 16 lower-case letters and digits"],
  ["1st", "at most 16 lower-case letters and digits"],
  ["abcdefghijklmnopq", "at most 16 lower-case letters and digits"],
  ["backup", "another name than backup, firewall"],
  ["kernel", "another name than backup, firewall"],
])("%j is no name of a group", (instance, expected) => {
  expect(problemsOf({ instance })).toEqual([
    expect.objectContaining({
      key: "instance",
      expected: expect.stringContaining(expected) as string,
    }),
  ]);
});

test("the host program takes for a name what the configuration takes for one", () => {
  const form = /fullmatch\("redis-cluster-(.*?)",/;
  for (const file of ["root/base.py", "redis_cluster/paths.py"]) {
    const text = readFileSync(join(__dirname, "../../templates/host", file), "utf8");
    const [, name] = form.exec(text)!;
    for (const good of ["cache", "a", "abcdefghijklmnop", "c1"]) {
      expect(good).toMatch(new RegExp(`^${name}$`));
      expect(problemsOf({ instance: good })).toEqual([]);
    }
    for (const bad of ["a-b", "1st", "", "abcdefghijklmnopq", "Cache"])
      expect(bad).not.toMatch(new RegExp(`^${name}$`));
  }
});

test("it takes no legacy group over, which has names already", () => {
  expect(problemsOf({ instance: "cache", adoptPassword: "x".repeat(40) })).toContainEqual(
    expect.objectContaining({ key: "instance", seen: "is set while adoptPassword is" }),
  );
});

test.each([
  ["/run/redis-cluster/node/x.sock", "cache", ["a path below /run/redis-cluster-cache/node/"]],
  ["/run/redis-cluster-cache/node/x.sock", "cache", []],
  ["/run/redis-cluster-cache/node/x.sock", "", ["a path below /run/redis-cluster/node/"]],
])("a node's socket at %s, of the instance %j", (unixsocket, instance, expected) => {
  const found = problemsOf({ redis: { unixsocket }, instance }).map((problem) => problem.expected);
  expect([...new Set(found)]).toEqual(expected);
});

test("a group that runs keeps its name, or the lack of one", () => {
  expect(refusedInstance(undefined, undefined)).toEqual([]);
  expect(refusedInstance("cache", "cache")).toEqual([]);
  expect(refusedInstance(undefined, "cache")).toEqual([
    expect.stringMatching(/instance is cache; expected none, .* pulumi config rm instance\./),
  ]);
  expect(refusedInstance("cache", undefined)).toEqual([
    expect.stringMatching(/instance is not set; expected cache, .* config set instance cache\./),
  ]);
});

test("the first resource of a run refuses it, and lets a new group and a destroyed one have any", async () => {
  const of = (instance?: string) => ({
    hosts: [],
    nodes: [],
    drift: [],
    repair: {},
    sources: "",
    instance,
  });
  const refused = async (olds: object, news: ReturnType<typeof of>) =>
    (await provider.check!(olds as typeof news, news)).failures?.map(({ property }) => property);
  expect(await refused(of(), of("cache"))).toEqual(["instance"]);
  expect(await refused(of("cache"), of())).toEqual(["instance"]);
  expect(await refused(of("cache"), of("cache"))).toEqual([]);
  expect(await refused({}, of("cache"))).toEqual([]);
});

test("the group without a name has the names that it always had", () => {
  expect(namesOf(undefined)).toEqual({
    cluster: "redis-cluster",
    sentinel: "redis-sentinel",
    table: "redis_cluster",
  });
  expect(programDirectory(undefined)).toBe("/usr/local/lib/redis-cluster");
});
