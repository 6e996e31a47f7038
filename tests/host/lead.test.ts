import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { Host, Hosts } from "./support/hosts";

jest.setTimeout(60000);

let hosts: Hosts;
let app1: Host;

beforeEach(() => {
  hosts = new Hosts();
  [, app1] = hosts.all;
  app1.fill();
});

afterEach(() => hosts.destroy());

/** `lead`, and again with the hash that it prints; in place of systemctl runs `line` of shell. */
function lead(line: string): string {
  app1.write("/usr/bin/systemctl", `#!/bin/bash\n${line}\n`);
  chmodSync(app1.path("/usr/bin/systemctl"), 0o755);
  const run = (...hash: string[]) =>
    spawnSync(hosts.program, ["lead", ...hash], {
      env: { REDIS_CLUSTER_ROOT: app1.root, TMPDIR: app1.path("/tmp") },
      encoding: "utf8",
    });
  const proofs = run().stdout;
  const [, hash] = /lead ([0-9a-f]{16})$/m.exec(proofs)!;
  run(hash);
  return proofs;
}

const compose = () =>
  `REDIS_CLUSTER_ROOT=${app1.root} ${hosts.program} compose-node; kill -KILL $PPID`;

test("the node that the operator makes lead starts as master while that run lasts", () => {
  // Nobody is there but hosts: a dead one would say nothing, of which no hash may come.
  expect(lead(compose())).toContain("node app-2: silent (Connection refused)\n");
  expect(app1.read("redis-cluster.conf")).toContain("# composed from release one");
  expect(app1.role()).toBe("master");
});

test("a run of lead that is ended before its turn leaves what the operator lets another one do", async () => {
  app1.write("/run/redis-cluster.lead", "app-1\n");
  const lock = app1.path("/run/redis-cluster.lock");
  const { stderr } = await app1.shell(`flock ${lock} ${hosts.program} within 1 lead`);
  expect(stderr).toContain("lead was ended after 1 s");
  expect(app1.read("/run/redis-cluster.lead")).toBe("app-1\n");
});

test("a run of lead that was killed makes no master of any later start", async () => {
  lead("kill -KILL $PPID");
  const outcome = await app1.compose("node");
  expect(outcome.status).toBe(1);
  expect(outcome.stderr).toContain("there is no last file");
});
