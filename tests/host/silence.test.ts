import { readdirSync, readFileSync } from "node:fs";
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

/** Of a process; nothing where it has ended meanwhile. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

test("what takes too long is told, and what directs it ends with it", async () => {
  const outcome = await host.run("within", "3", "gate");
  expect(outcome.stderr).toMatch(/error: gate was ended before it was done: it took too long/);
  expect(outcome.seconds).toBeLessThan(8);
  const asking = `${host.path("/usr/local/lib/redis-cluster/redis_cluster/__main__.py")}\0gate`;
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
