import { existsSync, rmSync } from "node:fs";
import { array, bulk, endless, Liar, liar, Lie, trickle } from "./support/liar";
import { Host, Hosts, Outcome } from "./support/hosts";

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

/** Runs shell with what a verb has at hand; what it prints comes with its errors. */
const shell = (host: Host, line: string): Promise<Outcome> =>
  host.shell(
    `load_members ${host.path("releases/one/members")}; operator_password=x; { ${line}; } 1>&2`,
  );

/** A word that a shell which takes it for arithmetic would run; one file for each. */
const trap = (host: Host) => `PATH[$(touch\${IFS}${host.path("/tmp/trapped")})]`;
const trapped = (host: Host) => existsSync(host.path("/tmp/trapped"));

describe("a reply without an end", () => {
  test.each([
    ["is enormous", `$1073741824\r\n`],
    ["is a line", "+"],
  ])("that %s costs neither time nor memory", async (_, head) => {
    const one = await lying(app1, "node", () => endless(head));
    const outcome = await shell(app1, `ask ${app1.address} 6389 INFO || echo status $?`);
    expect(outcome.stderr.length).toBeLessThan(1000);
    expect(outcome.stderr).toContain("status 1");
    expect(outcome.seconds).toBeLessThan(15);
    expect(one.taken()).toBeLessThan(400 << 20);
  });

  test("that comes byte by byte is no reply", async () => {
    await lying(app1, "node", () => trickle("$1000000\r\n"));
    const outcome = await shell(app1, `ask ${app1.address} 6389 INFO || echo status $?`);
    expect(outcome.stderr).toContain("status 1");
    expect(outcome.seconds).toBeLessThan(15);
  });

  test("but a long one is told whole", async () => {
    await lying(app1, "node", () => bulk("client\n".repeat(3 << 20)));
    const outcome = await shell(app1, `ask ${app1.address} 6389 CLIENT LIST | wc -l`);
    expect(outcome.stderr.trim()).toBe(String(3 << 20));
  });
});

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

  test("about its databases is not taken over, and runs nothing as root", async () => {
    app1.write("redis-cluster.conf", "port 6389\n");
    app1.write("staged/redis.conf", "dir /data\ndatabases 16\n");
    const outcome = await shell(
      app1,
      `refuse_foreign_units() { :; }; role_runs() { false; }
       role_setting() { [[ $1 == databases ]] && echo '${trap(app1)}' || setting "$staged/redis.conf" "$1" ''; }
       recognise_role`,
    );
    expect(trapped(app1)).toBe(false);
    expect(outcome.stderr).toContain("its node has databases PATH");
  });
});

test("a host whose name is shell text and control characters", async () => {
  const outcome = await consoleHost.shell(
    `uname() { printf '%s' '$(touch ${consoleHost.path("/tmp/trapped")})'$'\\e[2J'; }; say hello`,
  );
  expect(outcome.stderr).toBe(
    `redis-cluster[$(touch ${consoleHost.path("/tmp/trapped")})[2J]: hello\n`,
  );
  expect(trapped(consoleHost)).toBe(false);
  rmSync(consoleHost.path("/tmp"), { recursive: true });
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
