import { chmodSync, readdirSync, readFileSync } from "node:fs";
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
  program("readlink", "exit 3");
  const outcome = await host.run("lead");
  expect(outcome.status).toBe(3);
  expect(outcome.stderr).toMatch(
    /^redis-cluster\[\w+\]: error: lead ended with status 3 at line \d+: release=.*; expected .*, then run pulumi up again\n$/,
  );
});

test("what takes too long is told, too", async () => {
  program("readlink", "exec sleep 30");
  const outcome = await host.run("within", "9", "lead");
  expect(outcome.stderr).toMatch(/error: lead was ended before it was done: it took too long/);
});

test("also while it waits for the group, and the part in Python ends with it", async () => {
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
