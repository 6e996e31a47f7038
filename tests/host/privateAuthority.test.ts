/** The dynamic provider through the real engine: run `. build/env.sh` first, or use make. */
import { execFileSync } from "child_process";
import { X509Certificate } from "crypto";
import { readFileSync } from "fs";
import { join } from "path";
import { Stack } from "@pulumi/pulumi/automation";
import { PrivateAuthorityArgs } from "../../components/privateAuthority";
import { EngineProject, engineProject } from "../helpers/engineProject";

jest.setTimeout(300000);

let project: EngineProject;
let directory: string;
let stack: Stack;

interface Pair {
  certificate: string;
  key: string;
}

interface Made {
  authority: string;
  identities: Record<string, Pair>;
  client: Pair;
}

const two: PrivateAuthorityArgs = {
  group: "redis-test-cluster",
  members: [
    { name: "console", address: "10.77.0.11" },
    { name: "app-1", address: "10.77.0.12" },
  ],
  renew: 0,
};

beforeAll(async () => {
  project = await engineProject(
    "authority-test",
    `import { PrivateAuthority } from "../../components/privateAuthority";
const made = new PrivateAuthority("authority", require("./args.json"));
export const { authority, identities, client } = made;
`,
  );
  ({ directory, stack } = project);
});

afterAll(() => project.remove());

async function up(args: PrivateAuthorityArgs): Promise<Made & { updated: number }> {
  project.write("args.json", JSON.stringify(args));
  const { outputs, summary } = await stack.up();
  expect([outputs.identities.secret, outputs.client.secret]).toEqual([true, true]);
  return {
    authority: outputs.authority.value as string,
    identities: outputs.identities.value as Made["identities"],
    client: outputs.client.value as Pair,
    updated: summary.resourceChanges?.update ?? 0,
  };
}

/** What openssl says of a certificate, held against its authority, in the role of `purpose`. */
function verified({ authority }: Made, { certificate }: Pair, purpose: string): string {
  const file = (name: string, text: string) => {
    project.write(name, text);
    return join(directory, name);
  };
  return execFileSync(
    "openssl",
    ["verify", "-x509_strict", "-purpose", purpose]
      .concat("-CAfile", file("ca.crt", authority))
      .concat(file("leaf.crt", certificate)),
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  ).trim();
}

let made: Made;

it("issues what openssl takes, for both directions, with address and name; the client's is no server's", async () => {
  made = await up(two);
  for (const { name, address } of two.members) {
    expect(verified(made, made.identities[name], "sslserver")).toMatch(/: OK$/);
    expect(verified(made, made.identities[name], "sslclient")).toMatch(/: OK$/);
    const certificate = new X509Certificate(made.identities[name].certificate);
    expect(certificate.subjectAltName).toBe(`IP Address:${address}, DNS:${name}`);
  }
  expect(verified(made, made.client, "sslclient")).toMatch(/: OK$/);
  expect(() => verified(made, made.client, "sslserver")).toThrow();
});

it("keeps everything as it is, and no private key in plain state", async () => {
  expect(await up(two)).toEqual({ ...made, updated: 0 });
  const file = join(directory, "state", ".pulumi", "stacks", "authority-test", "test.json");
  const state = readFileSync(file, "utf8");
  // Not toContain: what fails here must not be printed.
  expect(state.includes("BEGIN CERTIFICATE")).toBe(true);
  expect(state.includes("PRIVATE KEY")).toBe(false);
});

it("issues for a new member and a changed address alone", async () => {
  const [consoleHost, app1] = two.members;
  const members = [
    { ...consoleHost, address: "10.77.0.21" },
    app1,
    { name: "app-2", address: "10.77.0.13" },
  ];
  const grown = await up({ ...two, members });
  expect(grown.authority).toBe(made.authority);
  expect(grown.client).toEqual(made.client);
  expect(grown.identities["app-1"]).toEqual(made.identities["app-1"]);
  expect(grown.identities.console).not.toEqual(made.identities.console);
  expect(verified(grown, grown.identities["app-2"], "sslserver")).toMatch(/: OK$/);
  made = grown;
});

it.each(["another number in renew", "the last quarter of their time"])(
  "%s: new certificates for all, from the same authority",
  async (cause) => {
    const { members } = JSON.parse(JSON.stringify(two)) as PrivateAuthorityArgs;
    const before = await up({ ...two, members });
    if (cause.endsWith("time")) {
      const state = await stack.exportStack();
      const { resources } = state.deployment as {
        resources: { outputs?: { renewFrom?: string } }[];
      };
      for (const { outputs } of resources) {
        if (outputs?.renewFrom) outputs.renewFrom = "2020-01-01T00:00:00.000Z";
      }
      await stack.importStack(state);
    }
    const renewed = await up({ ...two, members, renew: cause.endsWith("renew") ? 1 : 0 });
    expect(renewed.authority).toBe(before.authority);
    const keys = ({ identities, client }: Made) =>
      [...Object.values(identities), client].map(({ key }) => key);
    for (const key of keys(renewed)) expect(keys(before)).not.toContain(key);
    for (const identity of Object.values(renewed.identities)) {
      expect(verified(renewed, identity, "sslserver")).toMatch(/: OK$/);
    }
  },
);
