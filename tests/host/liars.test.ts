import { existsSync } from "node:fs";
import { array, bulk, Liar, liar, Lie } from "./support/liar";
import { Host, Hosts } from "./support/hosts";

jest.setTimeout(60000);

let hosts: Hosts;
let consoleHost: Host;
let app1: Host;
let app2: Host;
let liars: Liar[] = [];

beforeEach(() => {
  hosts = new Hosts();
  [consoleHost, app1, app2] = hosts.all;
});

afterEach(async () => {
  await Promise.all(liars.map((each) => each.stop()));
  liars = [];
  await hosts.destroy();
});

const lying = async (
  host: Host,
  daemon: "node" | "sentinel",
  answer: (command: string) => Lie,
): Promise<Liar> => {
  const one = await liar(host.address, answer, daemon === "node" ? 6389 : 26389);
  liars.push(one);
  return one;
};

const info = (fields: Record<string, string>, more = "") =>
  bulk(
    Object.entries({ loading: "0", ...fields })
      .map(([name, value]) => `${name}:${value}\r\n`)
      .join("") + more,
  );

/** A word that a shell which takes it for arithmetic would run; one file for each. */
const trap = (host: Host) => `PATH[$(touch\${IFS}${host.path("/tmp/trapped")})]`;
const trapped = (host: Host) => existsSync(host.path("/tmp/trapped"));

describe("a sentinel that lies", () => {
  test.each([
    ["no fields", []],
    ["fields without a name", ["", "x", "", "y", "runid", "z"]],
    ["fields of shell text", ["$(id)", "`id`", "x[$(id)]", "@"]],
    ["one field without a value", ["ip"]],
  ])("and tells %s fails the gate and nothing else", async (_, fields) => {
    for (const host of hosts.all) await lying(host, "sentinel", () => array(...fields));
    hosts.limit("gate_patience", 0);
    const outcome = await app1.run("gate");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain("the group is not whole, so nothing was stopped");
    expect(outcome.stderr).toContain("app-2 sentinel: flags is unknown; expected master");
    expect(outcome.stderr).toContain("app-2 node ");
    expect(outcome.stderr).not.toMatch(/uid=|Traceback|line \d+:/);
  });
});

describe("a node that lies", () => {
  test("about its replicas runs nothing on the host that asks", async () => {
    await lying(consoleHost, "node", () => info({ role: "master", connected_slaves: trap(app1) }));
    expect((await app1.compose("sentinel")).status).toBe(1);
    expect(trapped(app1)).toBe(false);
    expect((await app1.compose("node")).status).toBe(1);
    expect(trapped(app1)).toBe(false);
  });
});

describe("clocks", () => {
  /** A node whose clock is so many seconds fast, and that takes its time for the answer, in ms. */
  const clock = (host: Host, fast: number, slow = 0) =>
    lying(host, "node", (command) => {
      if (command !== "TIME") return "-ERR unknown\r\n";
      const reply = array(String(Math.floor(Date.now() / 1000) + fast), "0");
      return (socket) => setTimeout(() => socket.write(reply), slow);
    });

  test("the gate names a host whose clock is off, and none that answers slowly", async () => {
    await Promise.all([clock(consoleHost, 0), clock(app1, 600), clock(app2, -1, 1200)]);
    const { stderr } = await consoleHost.run("gate");
    expect(stderr).toContain("app-1 node: its clock is more than 2 s off that of console");
    expect(stderr).not.toMatch(/(app-2|console) node: its clock/);
  });

  test("one that is slow by the clock too", async () => {
    await clock(app1, -600);
    const { stderr } = await consoleHost.run("gate");
    expect(stderr).toContain("app-1 node: its clock is more than 2 s off that of console");
  });
});
