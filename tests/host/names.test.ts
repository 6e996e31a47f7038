import { rmSync } from "node:fs";
import { Host, Hosts, masterName } from "./support/hosts";

// The name and the ports by which members and clients find a group: what may not be changed while it runs.

jest.setTimeout(30000);

let hosts: Hosts;
let host: Host;

beforeEach(() => {
  hosts = new Hosts();
  [host] = hosts.all;
  host.write("initialised", "");
  stage({});
});

afterEach(() => hosts.destroy());

/** What every step begins with. */
const begin = () => {
  const from = `import sys; sys.path.insert(0, "${hosts.directory}"); from redis_cluster.step import Step`;
  return host.direct(`/usr/bin/python3 -I -S -c '${from}; Step()' </dev/null`);
};

function stage(changed: Record<string, (text: string) => string>): void {
  for (const [file, text] of Object.entries(host.releaseFiles()))
    host.write(`staged/${file}`, changed[file]?.(text) ?? text);
}

const renamed = (text: string) => text.replaceAll(masterName, "redis-other-cluster");
const moved = (text: string) => text.replace(/^port .*$/m, "port 7000");
const tls = (port: number, plain = 6389) => ({
  "redis.conf": `appendonly yes\nport ${plain}\ntls-port ${port}\n`,
  "sentinel.conf": `port ${plain && 26389}\ntls-port 26390\n`,
});

test.each<[string, Record<string, (text: string) => string>, string]>([
  [
    "another master name",
    { members: renamed, "sentinel.conf": renamed },
    `redis-cluster:masterName is redis-other-cluster; expected ${masterName}`,
  ],
  ["another port of the node", { "redis.conf": moved }, "nodePort is 7000; expected 6389"],
  [
    "another port of the sentinel",
    { "sentinel.conf": moved },
    "sentinelPort is 7000; expected 26389",
  ],
])("%s is refused by the first step that would touch anything", async (_, changed, words) => {
  stage(changed);
  for (const verb of ["node-start", "sentinel-start", "sentinel-stop", "node-roll"]) {
    const { status, stderr } = await host.run(verb);
    expect(status).toBe(1);
    expect(stderr).toContain(words);
    expect(stderr).toContain("Set it back: pulumi config set");
  }
});

test("a group that was never whole may get another name", async () => {
  stage({ members: renamed, "sentinel.conf": renamed });
  rmSync(host.path("initialised"));
  const { status, stderr } = await begin();
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("ports for TLS may come, and plain ones go, but none of them moves", async () => {
  const stageTls = (files: Record<string, string>) =>
    stage(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, () => text])));
  stageTls(tls(6390));
  expect(await begin()).toMatchObject({ status: 0, stderr: "" });
  host.release("both", "current", tls(6390));
  stageTls(tls(7000));
  expect((await begin()).stderr).toContain(
    "redis-cluster:tls.nodePort is 7000; expected 6390, by which its members and clients find this group. Set it back: pulumi config set --path tls.nodePort 6390",
  );
  const alone = (plain: number) => ({
    ...tls(6390, 0),
    members: `${host.releaseFiles().members}plain-ports ${plain} 26389\n`,
  });
  stageTls(alone(6389));
  expect(await begin()).toMatchObject({ status: 0, stderr: "" });
  stageTls(alone(7000));
  expect((await begin()).stderr).toContain("redis-cluster:nodePort is 7000; expected 6389");
});
