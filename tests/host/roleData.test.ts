// Which role a node starts with, by what it would load.
import { rmSync } from "node:fs";
import { eventually, Host, Hosts, masterName } from "./support/hosts";
import { node, sentinelNaming } from "./support/started";

jest.setTimeout(60000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;

beforeEach(() => {
  hosts = new Hosts();
  [consoleHost, app1, app2] = hosts.all;
});

afterEach(() => hosts.destroy());

describe("a master whose data are gone (the sentinels still name it)", () => {
  /** A whole group with three keys; console is its master. */
  async function wholeGroup(): Promise<void> {
    consoleHost.write("bootstrap", "console\n");
    for (const host of hosts.all) await host.composeAndStart("node");
    for (const host of hosts.all) await host.composeAndStart("sentinel");
    for (const host of hosts.all) host.write("initialised", "");
    rmSync(consoleHost.path("bootstrap"));
    consoleHost.ask("node", "mset", "a", "1", "b", "2", "c", "3", "d", "4");
    await eventually(20, () =>
      hosts.all.every(
        (host) =>
          host.ask("node", "dbsize").trim() === "4" &&
          host.ask("sentinel", "sentinel", "ckquorum", masterName).startsWith("OK 3"),
      ),
    );
  }

  test("joins as a replica of the node that the sentinels fail over to; no key is lost", async () => {
    await wholeGroup();
    await consoleHost.stop("node");
    // With its machine: nothing tells which directory was the node's.
    rmSync(consoleHost.path("node-mark"));
    rmSync(consoleHost.path("/var/lib/redis-cluster"), { recursive: true });
    consoleHost.write("/var/lib/redis-cluster/.keep", "");
    const outcome = await consoleHost.composeAndStart("node", 15);
    expect(outcome.stderr).toContain("failed over");
    expect([`${app1.address} 6389`, `${app2.address} 6389`]).toContain(consoleHost.role());
    await eventually(15, () =>
      hosts.all.every((host) => host.ask("node", "dbsize").trim() === "4"),
    );
  });

  test("is undecided when they cannot fail over", async () => {
    consoleHost.write("initialised", "");
    await sentinelNaming(app1, consoleHost);
    await sentinelNaming(app2, consoleHost);
    await node(app1, consoleHost, 2);
    const outcome = await consoleHost.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(
      /the sentinels name me but my data are gone, and app-1 holds data.*NOGOODSLAVE/,
    );
  });

  test("is master again where nobody has any, and its own files tell that it had none", async () => {
    consoleHost.write("initialised", "");
    await sentinelNaming(app1, consoleHost);
    await sentinelNaming(app2, consoleHost);
    await Promise.all([node(app1, consoleHost), node(app2, consoleHost)]);
    const outcome = await consoleHost.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(/has lost all its files.*'sudo \S+\/redis-cluster lead'/);
    consoleHost.fill(0);
    expect(await consoleHost.compose("node")).toMatchObject({ status: 0 });
    expect(consoleHost.role()).toBe("master");
  });

  test("a cold start of all hosts: the node with the data is master again", async () => {
    await wholeGroup();
    for (const host of hosts.all) {
      await host.stop("sentinel");
      await host.stop("node");
    }
    await Promise.all(hosts.all.map((host) => host.composeAndStart("sentinel", 5)));
    await Promise.all(hosts.all.map((host) => host.composeAndStart("node", 5)));
    expect(hosts.all.map((host) => host.role())).toEqual([
      "master",
      `${consoleHost.address} 6389`,
      `${consoleHost.address} 6389`,
    ]);
    await eventually(15, () =>
      hosts.all.every((host) => host.ask("node", "dbsize").trim() === "4"),
    );
  });
});

describe("what counts as data is what the configuration would load", () => {
  const loads = async (more: string) => {
    app1.write("/conf", `dir ${app1.path("/var/lib/redis-cluster")}\n${more}`);
    const code = `from redis_cluster.files import Files
from redis_cluster.settings import Settings
raise SystemExit(not Files(Settings("${app1.path("/conf")}"), "").hold_data())`;
    const outcome = await app1.shell(`PYTHONPATH=${hosts.directory} /usr/bin/python3 -c '${code}'`);
    expect(outcome.stderr).toBe("");
    return outcome.status === 0;
  };

  test.each([
    ["the AOF", "appendonly yes", true],
    ["the AOF with quotes, in capitals, last line wins", 'appendonly no\nAppendOnly "yes"', true],
    ["not an AOF that is switched off", "appendonly no", false],
    ["not an AOF of another name", "appendonly yes\nappendfilename other.aof", false],
    ["not an AOF of another directory", "appendonly yes\nappenddirname other", false],
  ])("%s", async (_, more, expected) => {
    app1.fill();
    expect(await loads(more)).toBe(expected);
  });

  test("not the empty files of a first start", async () => {
    app1.fill(0);
    expect(await loads("appendonly yes")).toBe(false);
  });

  test("an RDB, but not with the AOF on", async () => {
    await node(app1, undefined);
    app1.ask("node", "set", "k", "v");
    app1.ask("node", "save");
    expect(await loads("appendonly no")).toBe(true);
    expect(await loads("appendonly no\ndbfilename other.rdb")).toBe(false);
    await app1.stop("node");
    rmSync(app1.path("/var/lib/redis-cluster/appendonlydir"), { recursive: true });
    expect(await loads("appendonly yes")).toBe(false);
  });

  test("writes after the last rewrite", async () => {
    await node(app1);
    app1.ask("node", "set", "k", "v");
    await app1.stop("node", "SIGTERM");
    expect(await loads("appendonly yes")).toBe(true);
  });
});
