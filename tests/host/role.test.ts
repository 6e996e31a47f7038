import { mkdirSync, rmSync } from "node:fs";
import { eventually, Host, Hosts, masterName, passwords } from "./support/hosts";

jest.setTimeout(60000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;

beforeEach(() => {
  hosts = new Hosts();
  [consoleHost, app1, app2] = hosts.all;
});

afterEach(() => hosts.destroy());

/** A running sentinel that names the host, and hears of no other because no node carries its greetings. */
async function sentinelNaming(on: Host, watched: Host | string, epoch = 0): Promise<void> {
  on.lastSentinelFile(watched, epoch);
  await on.start("sentinel");
}

/** A running sentinel that has not been told of the group. */
async function sentinelKnowingNobody(on: Host): Promise<void> {
  on.lastSentinelFile(on);
  on.write("redis-sentinel.conf", on.read("redis-sentinel.conf").replace(/^sentinel .*\n/gm, ""));
  await on.start("sentinel");
}

/** A running node, with data or without. */
async function node(on: Host, follows?: Host, keys = 0, more: string[] = []): Promise<void> {
  const lines = [
    on.read("current/redis.conf"),
    `aclfile ${on.path("current/users.acl")}`,
    "masteruser replication",
    `masterauth ${passwords.replication}`,
    ...(follows ? [`replicaof ${follows.address} 6389`] : []),
    ...more,
  ];
  on.write("redis-cluster.conf", lines.join("\n") + "\n");
  if (keys > 0) on.fill(keys);
  await on.start("node");
}

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

/** A node that loads for twenty seconds, and answers meanwhile. */
async function loadingNode(on: Host, follows: Host): Promise<void> {
  await node(on, follows, 20000, [
    "key-load-delay 1000",
    "loading-process-events-interval-bytes 1024",
  ]);
  expect(on.ask("node", "ping")).toContain("LOADING");
}

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
