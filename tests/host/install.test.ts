import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Host, Hosts } from "./support/hosts";

// What a host needs before anything of ours runs there.

let hosts: Hosts;
let host: Host;
beforeEach(() => {
  hosts = new Hosts(["console"]);
  [host] = hosts.all;
});
afterEach(() => hosts.destroy());

test.each([
  ["is missing", "false", "installs python3\n"],
  ["is there", "true", ""],
])("where Python %s; what it makes of the modules is for redis to read", async (_, is, said) => {
  const outcome = await host.shell(
    `installed() { ${is}; }; install_package() { echo "installs $1" >&2; }; install_python`,
  );
  expect(outcome).toMatchObject({ status: 0, stderr: said });
  const compiled = join(hosts.directory, "redis_cluster", "__pycache__");
  expect(readdirSync(compiled)).toContainEqual(expect.stringMatching(/^resp\..*\.pyc$/));
  expect(statSync(compiled).mode & 0o777).toBe(0o755);
  for (const file of readdirSync(compiled))
    expect(statSync(join(compiled, file)).mode & 0o777).toBe(0o644);
});
