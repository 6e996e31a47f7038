import { cpSync, existsSync } from "node:fs";
import { Host, Hosts } from "./support/hosts";

let hosts: Hosts;
let app1: Host;

beforeEach(() => {
  hosts = new Hosts();
  app1 = hosts.all[1];
  cpSync(app1.path("releases/one"), app1.path("staged"), { recursive: true });
});

afterEach(() => hosts.destroy());

/** What node-start asked of systemd, on a host where no daemon runs and the node comes up at once. */
async function asked(input = "# plan 0123456789abcdef"): Promise<string[]> {
  app1.write("asked", "");
  const outcome = await app1.shell(`
    running() { false; }
    start_unit() { echo "start and wait: $1" >>"$etc/asked"; }
    wait_linked() { :; }
    systemctl() { echo "$*" >>"$etc/asked"; }
    make_release() { release=one; }
    verb_node_start <<<'${input}' >/dev/null`);
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
  return app1.read("asked").trim().split("\n");
}

describe("node-start", () => {
  test("on a host of a group that was whole, the sentinel starts before the node is waited for", async () => {
    app1.write("initialised", "");
    expect(await asked()).toEqual([
      "start --no-block redis-sentinel.service",
      "start and wait: redis-cluster.service",
    ]);
  });

  test("in a first deployment the sentinels wait until all nodes are up", async () => {
    expect(await asked("bootstrap console")).toEqual(["start and wait: redis-cluster.service"]);
    expect(app1.read("bootstrap")).toBe("console\n");
  });

  test("the mark is a member's name or none", async () => {
    const { status, stderr } = await app1.shell("verb_node_start <<<'bootstrap app-9'");
    expect([status, stderr]).toEqual([1, expect.stringContaining("is 'app-9'; expected one of")]);
    await asked();
    expect(existsSync(app1.path("bootstrap"))).toBe(false);
  });
});
