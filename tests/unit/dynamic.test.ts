import * as fs from "fs";
import { join } from "path";
import { sourcesHash, sourcesOf } from "../../components/dynamic";
import { Bootstrap } from "../../components/bootstrap";
import { HostDrift } from "../../components/hostDrift";
import { PrivateAuthority } from "../../components/privateAuthority";
import { SentinelQuorum } from "../../components/sentinelQuorum";
import { registeredBy } from "../helpers/graph";

// What Pulumi stores of a provider's code has to change with the code.

const components = join(__dirname, "..", "..", "components");
const read = (name: string) => fs.readFileSync(join(components, `${name}.ts`), "utf8");
const modules = fs.readdirSync(components).map((file) => file.replace(/\.ts$/, ""));
const endpoint = { name: "a", address: "10.0.0.1", port: 1 };
const host = { name: "a", host: "10.0.0.1", port: 22, user: "deploy", hostKey: "" };

const resources: Record<string, () => void> = {
  sentinelQuorum: () =>
    new SentinelQuorum("it", {
      ...{ masterName: "m", quorum: 1, nodes: [endpoint], sentinels: [endpoint], hosts: [host] },
      ...{ operatorPassword: "x", rollout: "x", foundBy: {}, live: {}, restart: {}, created: [] },
    }),
  bootstrap: () => new Bootstrap("it", { hosts: [host], bootstrapMaster: "a", after: [] }),
  hostDrift: () => new HostDrift("it", { hosts: [host] }),
  privateAuthority: () => new PrivateAuthority("it", { group: "g", members: [], renew: 0 }),
};

/** The modules of which Pulumi stores a function with this provider, told by names that only one module has. */
async function stored(module: string): Promise<string[]> {
  const graph = await registeredBy(resources[module]);
  const code = JSON.stringify(graph.get("it")?.inputs.__provider);
  const homes = [...code.matchAll(/function __(\w+)\(/g)].map(([, name]) => {
    const defines = new RegExp(`^(export )?(async )?function ${name}\\b`, "m");
    return modules.filter((file) => defines.test(read(file)));
  });
  return [...new Set(homes.filter(({ length }) => length === 1).flat())];
}

let mockChanged = "";
jest.mock("fs", () => {
  const actual = jest.requireActual<typeof fs>("fs");
  const readFileSync = (path: string, encoding: "utf8") =>
    actual.readFileSync(path, encoding) + (path === mockChanged ? "// more" : "");
  return { ...actual, readFileSync };
});

test.each([
  ["sentinelQuorum", ["gate", "sentinelProbe", "sentinelQuorum", "sshRoute"]],
  ["bootstrap", ["bootstrap", "sshRoute"]],
  ["hostDrift", ["sshRoute"]],
  ["privateAuthority", ["privateAuthority"]],
])("each module of which %s's code is stored is in its hash", async (module, least) => {
  const captured = await stored(module);
  expect(captured).toEqual(expect.arrayContaining(least));
  expect(sourcesOf(module)).toEqual(expect.arrayContaining(captured));
});

test.each(["sentinelQuorum", "bootstrap", "hostDrift", "privateAuthority"])(
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
