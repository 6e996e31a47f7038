import * as fs from "fs";
import { join } from "path";
import { sourcesHash, sourcesOf } from "../../components/dynamic";
import { Bootstrap } from "../../components/bootstrap";
import { ChangeClasses } from "../../components/changeClasses";
import { Decommission } from "../../components/decommission";
import { HostDrift } from "../../components/hostDrift";
import { Program } from "../../components/program";
import { PrivateAuthority } from "../../components/privateAuthority";
import { SentinelQuorum } from "../../components/sentinelQuorum";
import { registeredBy } from "../helpers/graph";

// The state has a provider's name, and a hash that changes with its code.

const components = join(__dirname, "..", "..", "components");
const endpoint = { name: "a", address: "10.0.0.1", port: 1 };
const host = { name: "a", host: "10.0.0.1", port: 22, user: "deploy", hostKey: "" };

const resources: Record<string, () => void> = {
  sentinelQuorum: () =>
    new SentinelQuorum("it", {
      ...{ masterName: "m", quorum: 1, nodes: [endpoint], sentinels: [endpoint], hosts: [host] },
      ...{ operatorPassword: "x", rollout: "x" },
    }),
  changeClasses: () => new ChangeClasses("it", { foundBy: {}, live: {}, restart: {}, created: [] }),
  bootstrap: () =>
    new Bootstrap("it", { hosts: [host], bootstrapMaster: "a", nodes: [endpoint], after: [] }),
  decommission: () =>
    new Decommission("it", {
      ...{ hosts: [host], nodes: [endpoint], sentinels: ["a"], nodeless: [], gone: [] },
      ...{ ports: [1, 2], plan: "x", limit: 1 },
    }),
  hostDrift: () => new HostDrift("it", { hosts: [host], nodes: [endpoint] }),
  program: () => new Program("it", { hosts: [host], repair: "" }),
  privateAuthority: () => new PrivateAuthority("it", { group: "g", members: [], renew: 0 }),
};

let mockChanged = "";
jest.mock("fs", () => {
  const actual = jest.requireActual<typeof fs>("fs");
  const readFileSync = (path: string, encoding: "utf8") =>
    actual.readFileSync(path, encoding) + (path === mockChanged ? "// more" : "");
  return { ...actual, readFileSync };
});

const providers = Object.keys(resources);

const remote = ["names", "project", "remote/hostProgram", "remote/shell"];

test("there is a resource for each provider", () => {
  const files = fs.readdirSync(join(components, "providers"));
  expect(files.sort()).toEqual(providers.map((name) => `${name}.ts`).sort());
});

test.each(providers)(
  "the state gets one line of %s, which is true wherever the project lies",
  async (module) => {
    const graph = await registeredBy(resources[module]);
    const code = graph.get("it")?.inputs.__provider;
    expect(code).toMatch(/^exports\.handler = .{1,150};\n$/);
    expect(code).toContain(`("${module}")`);
    expect(code).not.toContain(join(components, ".."));
  },
);

test.each([
  ["sentinelQuorum", ["names", "probe/gate", "probe/daemons", "probe/route"]],
  ["changeClasses", ["release/refusals"]],
  ["bootstrap", [...remote, "probe/route"]],
  ["decommission", [...remote, "membership", "probe/route"]],
  ["hostDrift", [...remote, "probe/route", "release/refusals"]],
  ["program", [...remote, "probe/route"]],
  ["privateAuthority", []],
])("the hash of %s is of all that it runs", (module, imported) => {
  expect(sourcesOf(module)).toEqual([...imported, `providers/${module}`].sort());
});

test.each(providers)(
  "a change of any source of %s changes its hash, which stands in its inputs",
  async (module) => {
    const before = sourcesHash(module);
    const graph = await registeredBy(resources[module]);
    expect(graph.get("it")?.inputs.sources).toBe(before);
    for (const changed of sourcesOf(module)) {
      mockChanged = join(components, `${changed}.ts`);
      const after = sourcesHash(module);
      mockChanged = "";
      expect(after).not.toBe(before);
    }
  },
);
