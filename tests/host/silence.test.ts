import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { hostProgram } from "../../components/hostProgram";
import { Host, Hosts } from "./support/hosts";

// Whatever fails on a host, the run says what it was.

jest.setTimeout(60000);

let hosts: Hosts;
let host: Host;

beforeEach(() => {
  hosts = new Hosts();
  host = hosts.all[0];
  for (const [file, text] of Object.entries(host.releaseFiles()))
    host.write(`staged/${file}`, text);
  // What `trust-data` is for: another directory than the node's.
  host.write("initialised", "");
  host.write("node-mark", "01234567-89ab-cdef-0123-456789abcdef\n");
});

afterEach(() => hosts.destroy());

function program(name: string, text: string): void {
  host.write(`/usr/bin/${name}`, `#!/bin/bash\n${text}\n`);
  chmodSync(host.path(`/usr/bin/${name}`), 0o755);
}

/** Of a process; nothing where it has ended meanwhile. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

test("what fails without a word is told with its verb and its line", async () => {
  program("sha256sum", "exit 3");
  const outcome = await host.run("trust-data");
  expect(outcome.status).toBe(3);
  expect(outcome.stderr).toMatch(
    /^redis-cluster\[\w+\]: error: trust-data ended with status 3 at line \d+: hash=.*; expected .*, then run pulumi up again\n$/,
  );
});

test("what takes too long is told, too", async () => {
  program("sha256sum", "exec sleep 30");
  const installed = "/usr/local/lib/redis-cluster/redis-cluster";
  host.write(installed, hostProgram());
  chmodSync(host.path(installed), 0o755);
  const outcome = await host.run("within", "9", "trust-data");
  expect(outcome.stderr).toMatch(
    /error: trust-data was ended before it was done: it took too long/,
  );
});

test("also while it waits for the group, and the part in Python ends with it", async () => {
  const installed = "/usr/local/lib/redis-cluster/redis-cluster";
  host.write(installed, hostProgram());
  chmodSync(host.path(installed), 0o755);
  const outcome = await host.run("within", "3", "gate");
  expect(outcome.stderr).toMatch(/error: gate was ended before it was done: it took too long/);
  expect(outcome.seconds).toBeLessThan(8);
  const asking = `redis_cluster/__main__.py\0gate\0${host.root}/`;
  const commands = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLine(pid));
  expect(commands.filter((words) => words.includes(asking))).toEqual([]);
});

test("what has said why it failed says no more", async () => {
  const outcome = await host.tell("sentinel-stop", ["nonsense"]);
  expect(outcome.status).toBe(1);
  expect(outcome.stderr.match(/error:/g)).toHaveLength(1);
});

test.each([
  ["its settings", "read_back '' hz 20"],
  ["all its settings", "hash=one; running_release() { echo one; }; release=two; apply_node_live"],
])("a node that does not answer for %s is named", async (_, line) => {
  const { "redis.conf": conf } = host.releaseFiles();
  host.release("two", "previous", { "redis.conf": `${conf}hz 20\n` });
  const outcome = await host.shell(
    `load_members ${host.path("staged/members")}; operator_password=x; ${line}`,
  );
  expect(outcome.status).toBe(1);
  expect(outcome.stderr).toMatch(
    /^redis-cluster\[console\]: error: the node says 'Could not connect to Redis.*' to a question of this step; expected an answer within 2 s\. .*then run pulumi up again\n$/,
  );
});
