// Which role a node starts with: rules 1 to 6 of docs/architecture.md.
import { mkdirSync, rmSync } from "node:fs";
import { eventually, Host, Hosts } from "./support/hosts";
import { node, sentinelKnowingNobody, sentinelNaming, loadingNode } from "./support/started";

jest.setTimeout(60000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;

beforeEach(() => {
  hosts = new Hosts();
  [consoleHost, app1, app2] = hosts.all;
});

afterEach(() => hosts.destroy());

describe("rule 1: a majority of the configured sentinels names the master", () => {
  test("another node: this one follows it, whatever its last file says", async () => {
    app1.fill();
    app1.lastNodeFile();
    await sentinelNaming(consoleHost, app2);
    await sentinelNaming(app2, app2);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe(`${app2.address} 6389`);
  });

  test("this node, with data: master, even though nobody else answers", async () => {
    app1.fill();
    app1.lastNodeFile(consoleHost);
    await sentinelNaming(app1, app1);
    await sentinelNaming(app2, app1);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe("master");
  });

  test("this node, but one sentinel already knows of a later failover: undecided", async () => {
    app1.fill();
    app1.lastNodeFile();
    await sentinelNaming(app1, app1, 4);
    await sentinelNaming(app2, app1, 4);
    await sentinelNaming(consoleHost, consoleHost, 5);
    const outcome = await app1.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain("the sentinels disagree");
  });

  test("one host that hangs costs nothing where the others are a majority", async () => {
    hosts.limit("ask_timeout", 20);
    await sentinelNaming(app2, app2);
    await sentinelNaming(app1, app2);
    await sentinelNaming(consoleHost, app2);
    consoleHost.signal("sentinel", "SIGSTOP");
    const outcome = await app1.compose("node");
    consoleHost.signal("sentinel", "SIGCONT");
    expect(outcome.status).toBe(0);
    expect(outcome.seconds).toBeLessThan(15);
  });
});

describe("rule 2: less than a majority", () => {
  test("a replica keeps to its last file: the few may have slept through a failover", async () => {
    app1.fill();
    app1.lastNodeFile(consoleHost);
    await sentinelNaming(app2, app2, 7);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe(`${consoleHost.address} 6389`);
  });

  test("a replica that its own sentinel names master keeps to its last file", async () => {
    app1.fill();
    app1.lastNodeFile(consoleHost);
    await sentinelNaming(app1, app1, 7);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe(`${consoleHost.address} 6389`);
  });

  test("data without a last file follow nobody on their word", async () => {
    app1.fill();
    await sentinelNaming(app2, app2, 7);
    const outcome = await app1.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain("no majority of the sentinels names a master");
  });

  test("a node without data follows the one with the highest config-epoch", async () => {
    app1.lastNodeFile(consoleHost);
    await sentinelNaming(consoleHost, consoleHost, 3);
    await sentinelNaming(app2, app2, 7);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe(`${app2.address} 6389`);
  });

  test.each([
    [
      "nobody else answers",
      async () => Promise.resolve(),
      "the sentinel on console is unreachable",
    ],
    [
      "every node follows it, and the other sentinels are silent",
      async () => Promise.all([node(consoleHost, app1), node(app2, app1)]),
      "the sentinel on console is unreachable",
    ],
    [
      "a sentinel names another",
      async () =>
        Promise.all([
          node(consoleHost, app1),
          node(app2, app1),
          sentinelNaming(consoleHost, consoleHost),
          sentinelKnowingNobody(app2),
        ]),
      "the sentinel on console names another master",
    ],
    [
      "a node is silent",
      async () =>
        Promise.all([
          node(consoleHost, app1),
          sentinelKnowingNobody(consoleHost),
          sentinelKnowingNobody(app2),
        ]),
      "app-2 is unreachable",
    ],
  ])("a stale master that a lone sentinel names waits when %s", async (_, others, objection) => {
    app1.fill();
    app1.lastNodeFile();
    app1.write("initialised", "");
    await sentinelNaming(app1, app1, 3);
    await others();
    const outcome = await app1.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain(objection);
  });

  test("a lone sentinel names this node but another one is master: undecided", async () => {
    app1.fill();
    app1.lastNodeFile();
    await sentinelNaming(app1, app1, 3);
    await node(app2);
    const outcome = await app1.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain("node app-2: master");
  });

  test("the master is master again when all were heard and none contradicts", async () => {
    app1.fill();
    app1.lastNodeFile();
    await Promise.all([
      sentinelNaming(app1, app1, 3),
      sentinelKnowingNobody(consoleHost),
      sentinelKnowingNobody(app2),
      node(consoleHost, app1, 2),
      node(app2, app1),
    ]);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe("master");
  });

  test("two masters with the same epoch: undecided", async () => {
    await sentinelNaming(consoleHost, consoleHost, 3);
    await sentinelNaming(app2, app2, 3);
    expect((await app1.compose("node")).stderr).toContain("the sentinels disagree");
  });
});

describe("rule 3: no sentinel at all", () => {
  test("a replica by its last file follows the same master again", async () => {
    app1.fill();
    app1.lastNodeFile(app2);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe(`${app2.address} 6389`);
  });

  test("a master by its last file stays it when all members follow it", async () => {
    consoleHost.fill();
    consoleHost.lastNodeFile();
    await node(app1, consoleHost, 2);
    await node(app2, consoleHost);
    expect(await consoleHost.compose("node")).toMatchObject({ status: 0 });
    expect(consoleHost.role()).toBe("master");
  });

  test.each([
    ["a member is unreachable", async () => node(app1, consoleHost), "app-2 is unreachable"],
    [
      "a member is master",
      async () => Promise.all([node(app1, consoleHost), node(app2)]),
      "app-2 is master",
    ],
    [
      "a member follows another",
      async () => Promise.all([node(app1, app2), node(app2, consoleHost)]),
      "app-1 follows another master",
    ],
  ])("a master by its last file does not come up as one when %s", async (_, others, objection) => {
    consoleHost.fill();
    consoleHost.lastNodeFile();
    await others();
    const outcome = await consoleHost.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain(objection);
    expect(consoleHost.read("redis-cluster.conf")).toContain("# composed from release old");
  });

  test("a legacy sentinel that names 127.0.0.1 is no answer", async () => {
    app1.fill();
    app1.lastNodeFile(consoleHost);
    await sentinelNaming(consoleHost, "127.0.0.1");
    await sentinelNaming(app2, "127.0.0.1");
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe(`${consoleHost.address} 6389`);
  });

  test("a last file that follows 127.0.0.1 is no answer", async () => {
    app1.fill();
    app1.write("redis-cluster.conf", "# composed from release old\nreplicaof 127.0.0.1 6389\n");
    expect((await app1.compose("node")).stderr).toContain("last file none");
  });

  test("a sentinel that refuses the password is an answer, not unreachable: undecided", async () => {
    app1.fill();
    app1.lastNodeFile(consoleHost);
    consoleHost.write(
      "releases/one/sentinel-users.acl",
      "user default off\nuser operator on >other ~* &* +@all\n",
    );
    consoleHost.lastSentinelFile(consoleHost);
    await consoleHost.start("sentinel");
    const outcome = await app1.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(/sentinel console: refused .*WRONGPASS/);
  });

  test("a node that refuses the password is no proof that it is not master", async () => {
    consoleHost.fill();
    consoleHost.lastNodeFile();
    await node(app2, consoleHost);
    app1.write("releases/one/users.acl", "user default off\nuser operator on >other ~* &* +@all\n");
    await node(app1, consoleHost);
    const outcome = await consoleHost.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(/app-1 answers: refused .*WRONGPASS/);
  });
});

describe("a node that is loading answers", () => {
  test("it is a replica of this one: nothing against starting as master", async () => {
    consoleHost.fill();
    consoleHost.lastNodeFile();
    await Promise.all([loadingNode(app1, consoleHost), node(app2, consoleHost)]);
    expect(await consoleHost.compose("node")).toMatchObject({ status: 0 });
    expect(consoleHost.role()).toBe("master");
  });

  test("it holds data", async () => {
    consoleHost.write("bootstrap", "console\n");
    consoleHost.lastNodeFile();
    await loadingNode(app1, consoleHost);
    expect((await consoleHost.compose("node")).stderr).toContain("app-1 holds data");
  });
});

describe("rule 4: a node with data follows only what sentinels or its last file name", () => {
  test("a member that says master is not enough", async () => {
    app1.fill();
    await node(consoleHost);
    const outcome = await app1.compose("node");
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain(
      "no majority of the sentinels names a master and there is no last file",
    );
  });

  test("an empty file where the last file should be makes no master", async () => {
    app1.fill();
    app1.write("redis-cluster.conf", "");
    await Promise.all([node(consoleHost, app1), node(app2, app1)]);
    expect((await app1.compose("node")).status).toBe(1);
  });
});

describe("rule 5: a node without data", () => {
  test("follows whom the sentinels name", async () => {
    await sentinelNaming(app2, app2);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe(`${app2.address} 6389`);
  });

  test("follows the one master of a group that was never whole", async () => {
    await node(consoleHost);
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe(`${consoleHost.address} 6389`);
  });

  test("but not in a group that was whole once", async () => {
    app1.write("initialised", "");
    await node(consoleHost);
    expect((await app1.compose("node")).status).toBe(1);
  });

  test("is not master without the mark, even if the members are silent", async () => {
    expect((await consoleHost.compose("node")).status).toBe(1);
  });

  test("is not master by its last file while a member has data or is unreachable", async () => {
    consoleHost.write("initialised", "");
    consoleHost.lastNodeFile();
    await node(app1, consoleHost, 2);
    expect((await consoleHost.compose("node")).status).toBe(1);
    await node(app2, consoleHost);
    expect((await consoleHost.compose("node")).stderr).toContain("app-1 holds data");
    await app1.stop("node");
    rmSync(app1.path("/var/lib/redis-cluster"), { recursive: true });
    app1.write("/var/lib/redis-cluster/.keep", "");
    await app1.start("node");
    expect((await consoleHost.compose("node")).stderr).toContain("has lost all its files");
    consoleHost.fill(0);
    expect(await consoleHost.compose("node")).toMatchObject({ status: 0 });
    expect(consoleHost.role()).toBe("master");
  });

  test("is the master when the bootstrap marked it, and goes on after an interruption", async () => {
    consoleHost.write("bootstrap", "console\n");
    expect(await consoleHost.compose("node")).toMatchObject({ status: 0 });
    expect(consoleHost.role()).toBe("master");
    await consoleHost.start("node");
    await app1.composeAndStart("node");
    await eventually(10, () =>
      app1.ask("node", "info", "replication").includes("master_link_status:up"),
    );
    await consoleHost.stop("node");
    expect(await consoleHost.compose("node")).toMatchObject({ status: 0 });
    expect(consoleHost.role()).toBe("master");
  });

  test("is not master in spite of the mark when a member holds data", async () => {
    consoleHost.write("bootstrap", "console\n");
    await node(app1, app2, 2);
    expect((await consoleHost.compose("node")).status).toBe(1);
  });

  test("in spite of the mark follows a member that is master", async () => {
    consoleHost.write("bootstrap", "console\n");
    await node(app1);
    expect(await consoleHost.compose("node")).toMatchObject({ status: 0 });
    expect(consoleHost.role()).toBe(`${app1.address} 6389`);
  });

  test.each([
    ["an empty file", ""],
    ["what cannot be read", undefined],
  ])("%s is no mark", async (_, mark) => {
    if (mark === undefined) mkdirSync(consoleHost.path("bootstrap"));
    else consoleHost.write("bootstrap", mark);
    expect((await consoleHost.compose("node")).status).toBe(1);
  });

  test("the mark means nothing in a group that was whole once", async () => {
    consoleHost.write("bootstrap", "console\n");
    consoleHost.write("initialised", "");
    expect((await consoleHost.compose("node")).status).toBe(1);
  });

  test("a mark that names another node makes one with kept data follow that", async () => {
    app1.fill();
    app1.write("bootstrap", "console\n");
    expect(await app1.compose("node")).toMatchObject({ status: 0 });
    expect(app1.role()).toBe(`${consoleHost.address} 6389`);
  });
});

describe("rule 6: undecided", () => {
  test("ends with what was asked and answered; silent hosts cost the time of one", async () => {
    hosts.limit("ask_timeout", 6);
    await Promise.all([
      node(consoleHost),
      node(app2, consoleHost),
      ...[consoleHost, app2].map((host) => sentinelNaming(host, app1)),
    ]);
    for (const host of [consoleHost, app2]) {
      host.signal("node", "SIGSTOP");
      host.signal("sentinel", "SIGSTOP");
    }
    const outcome = await app1.compose("node");
    expect(outcome.status).toBe(1);
    for (const who of ["console", "app-1", "app-2"]) {
      expect(outcome.stderr).toContain(`sentinel ${who}: silent`);
    }
    expect(outcome.stderr).toMatch(
      /node app-2: silent \(no answer within 6 s\); node console: silent \(no answer within 6 s\)/,
    );
    expect(outcome.seconds).toBeGreaterThan(5.9);
    expect(outcome.seconds).toBeLessThan(11);
  });
});
