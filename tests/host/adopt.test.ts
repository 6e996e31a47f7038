import { readdirSync } from "fs";
import { eventually, Host, Hosts, masterName } from "./support/hosts";

// What the old Ansible role deployed, recognised and taken over while it runs.

jest.setTimeout(60000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;

beforeEach(() => {
  hosts = new Hosts();
  [consoleHost, app1, app2] = hosts.all;
  for (const host of hosts.all) host.release("one", "staged", release(host));
});

afterEach(() => hosts.destroy());

const rolePassword = "foobared";

function release(host: Host): Record<string, string> {
  const { "redis.conf": conf, secrets } = host.releaseFiles();
  return {
    "redis.conf": `databases 16\nappendfilename appendonly.aof\nappenddirname appendonlydir\ndbfilename dump.rdb\n${conf}`,
    secrets: `${secrets}adopt ${rolePassword}\n`,
  };
}

const units = "/etc/systemd/system";
const roleUnit = (daemon: string, option = "") =>
  `[Service]\nType=forking\nUser=redis\nExecStart=/usr/bin/redis-server /etc/redis-cluster/${daemon}.conf${option}\n`;

function writeUnits(host: Host): void {
  host.write(`${units}/redis-cluster.service`, roleUnit("redis-cluster"));
  host.write(`${units}/redis-sentinel.service`, roleUnit("redis-sentinel", " --sentinel"));
}

describe("of somebody else's units", () => {
  const refusal = (consent: string) => app1.shell(`refuse_foreign_units ${consent}`);

  test("the role's are taken over with the operator's consent alone", async () => {
    writeUnits(app1);
    expect(await refusal("yes")).toMatchObject({ status: 0, stderr: "" });
    const { status, stderr } = await refusal("no");
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /redis-cluster.service is of the old Ansible role.* --secret adoptPassword/,
    );
  });

  test.each([
    ["that start another program", /redis-server/, "keydb-server"],
    ["that start on another file", /redis-cluster\/redis-cluster.conf/, "redis/redis.conf"],
    ["that run as another user", /User=redis/, "User=root"],
    ["of another type", /Type=forking/, "Type=simple"],
    ["with more options", /$/m, " --port 7000"],
  ])("those %s are nobody's but their owner's", async (_, what, other) => {
    writeUnits(app1);
    const changed =
      what.source === "$"
        ? roleUnit("redis-cluster", other)
        : roleUnit("redis-cluster").replace(what, other);
    app1.write(`${units}/redis-cluster.service`, changed);
    const { status, stderr } = await refusal("yes");
    expect(status).toBe(1);
    expect(stderr).toContain("redis-cluster.service belongs to somebody else");
  });
});

/** The files as the role's daemons have rewritten them. */
function writeRoleFiles(host: Host, node: string[] = [], sentinel: string[] = []): void {
  host.write(
    "redis-cluster.conf",
    [
      "port 6389",
      `dir ${host.path("/var/lib/redis-cluster")}`,
      "appendonly yes",
      'appendfilename "appendonly.aof"',
      "databases 16",
      ...node,
      "",
    ].join("\n"),
  );
  host.write(
    "redis-sentinel.conf",
    [
      "port 26389",
      `sentinel monitor ${masterName} ${consoleHost.address} 6389 2`,
      ...sentinel,
      "",
    ].join("\n"),
  );
}

describe("of the role's files, while nothing runs", () => {
  const recognise = () =>
    app1.shell(`running() { false; }; load_members ${app1.path("staged/members")}; recognise_role`);

  beforeEach(() => writeUnits(app1));

  test("those of this group are recognised, the address of the host alone too", async () => {
    writeRoleFiles(
      app1,
      [],
      [
        `sentinel known-replica ${masterName} ${app2.address} 6389`,
        `sentinel known-replica ${masterName} 127.0.0.1 6389`,
        `sentinel known-sentinel ${masterName} ${app1.address} 26389 ${"a".repeat(40)}`,
        `sentinel known-sentinel ${masterName} ${app2.address} 26389 ${"b".repeat(40)}`,
      ],
    );
    expect(await recognise()).toMatchObject({ status: 0, stderr: "" });
  });

  test.each<[string, string[], string[], RegExp]>([
    [
      "another port",
      ["port 7000"],
      [],
      /node listens on port 7000; expected redis-cluster:nodePort, 6389/,
    ],
    [
      "another sentinel's port",
      [],
      ["port 27000"],
      /sentinel listens on port 27000; expected redis-cluster:sentinelPort, 26389/,
    ],
    [
      "another AOF",
      ["appendfilename other.aof"],
      [],
      /appendfilename other.aof; expected appendonly.aof.*Set redis-cluster:redis.appendfilename to other.aof/,
    ],
    ["more databases", ["databases 32"], [], /databases 32; expected 16.*redis.databases to 32/],
    ["another directory", ["dir /srv"], [], /its node has dir \/srv; expected/],
    [
      "one more group",
      [],
      ["sentinel monitor second 10.0.0.1 6389 2"],
      /watches 'redis-test-cluster second'; expected redis-test-cluster alone/,
    ],
    [
      "a replica that is no member",
      [],
      [`sentinel known-replica ${masterName} 10.9.9.9 6389`],
      /knows 10.9.9.9:6389; expected members/,
    ],
    [
      "a sentinel that is no member",
      [],
      [`sentinel known-sentinel ${masterName} 10.9.9.9 26389 ${"c".repeat(40)}`],
      /knows 10.9.9.9:26389; expected members.*redis-cli -p 26389 SENTINEL RESET/,
    ],
  ])("those with %s are refused", async (_, node, sentinel, said) => {
    writeRoleFiles(app1, node, sentinel);
    const { status, stderr } = await recognise();
    expect(status).toBe(1);
    expect(stderr).toMatch(said);
    expect(stderr).toContain("nothing that runs was touched");
  });
});

describe("while the role's daemons run", () => {
  /** An address of the console host that is no member's, as 127.0.0.1 is to the role. */
  let alias: string;

  /** Runs shell on a host with what a step has at hand; both units are the role's and run. */
  const step = (host: Host, line: string) =>
    host.shell(
      `running() { true; }; make_release() { release=one; }; load_members ${host.path("staged/members")}
       secrets_file=$staged/secrets operator_password=$(secret "$staged/secrets" operator); ${line}`,
    );
  const mend = 'ask_group follow-by-address "$members_file" "$secrets_file"; mend_sentinels';
  const everywhere = async (line: string) => {
    for (const host of hosts.all) expect(await step(host, line)).toMatchObject({ status: 0 });
  };
  const known = (host: Host, what: string) =>
    (host.ask("sentinel", "SENTINEL", what, masterName).match(/(?<=^ip\n).*/gm) ?? []).sort();
  const id = (host: Host) => host.ask("sentinel", "SENTINEL", "MYID");

  beforeEach(async () => {
    alias = consoleHost.address.replace(/\d+$/, "11");
    for (const host of hosts.all) {
      writeUnits(host);
      const binds = `bind ${host.address}${host === consoleHost ? ` ${alias}` : ""}`;
      writeRoleFiles(
        host,
        [
          binds,
          `requirepass ${rolePassword}`,
          `masterauth ${rolePassword}`,
          "repl-diskless-sync-delay 0",
          ...(host === consoleHost ? [] : [`replicaof ${alias} 6389`]),
          // Also where the role's own file names no address.
          ...(host === consoleHost ? [] : [`replica-announce-ip ${host.address}`]),
        ],
        [],
      );
      host.write(
        "redis-sentinel.conf",
        [
          binds,
          "port 26389",
          `dir ${host.root}`,
          `sentinel announce-ip ${host === consoleHost ? alias : host.address}`,
          `sentinel monitor ${masterName} ${host === consoleHost ? alias : consoleHost.address} 6389 2`,
          `sentinel auth-pass ${masterName} ${rolePassword}`,
          "",
        ].join("\n"),
      );
      await host.start("node");
    }
    for (const host of hosts.all) await host.start("sentinel");
    await eventually(20, () =>
      hosts.all.every((host) =>
        host.ask("sentinel", "INFO", "sentinel").includes("slaves=2,sentinels=3"),
      ),
    );
  });

  test("its password is the one that its clients use", async () => {
    expect(await step(app1, "recognise_role")).toMatchObject({ status: 0 });
    const other = app1.releaseFiles().secrets;
    app1.write("staged/secrets", `${other}adopt another\n`);
    const { status, stderr } = await step(app1, "recognise_role");
    expect(status).toBe(1);
    expect(stderr).toMatch(/WRONGPASS.*expected PONG.* --secret adoptPassword/);
  });

  test("they learn users, logins and addresses; nothing restarts, and no id is lost", async () => {
    const ids = hosts.all.map(id);
    await everywhere("admit_users");
    for (const host of hosts.all) {
      for (const daemon of ["node", "sentinel"] as const) {
        expect(host.ask(daemon, "ACL", "WHOAMI")).toBe("operator\n");
        expect(host.logsIn(daemon, "default", rolePassword)).toBe(true);
      }
      // Also after a restart of the role's own.
      expect(host.read("redis-cluster.conf")).toMatch(/^user replication on /m);
      expect(host.read("redis-sentinel.conf")).toMatch(/^user operator on /m);
    }

    await everywhere("use_logins");
    consoleHost.ask("node", "CLIENT", "KILL", "TYPE", "replica");
    await eventually(10, () => {
      const links = consoleHost.ask("node", "CLIENT", "LIST", "TYPE", "replica");
      return (links.match(/user=replication/g) ?? []).length === 2;
    });
    expect(consoleHost.ask("node", "CLIENT", "LIST", "TYPE", "pubsub")).toMatch(/user=sentinel/);
    expect(known(consoleHost, "MASTER")).toEqual([alias]);
    expect(app1.ask("node", "INFO", "replication")).toContain(`master_host:${alias}\r\n`);

    const outcome = await step(app1, `${mend}; say $work`);
    expect(outcome).toMatchObject({ status: 0 });
    expect(outcome.stderr).toMatch(/had the sentinel on console watch /);
    for (const host of hosts.all) {
      expect(known(host, "MASTER")).toEqual([consoleHost.address]);
      expect(known(host, "REPLICAS")).toEqual([app1.address, app2.address]);
      const others = hosts.all.filter((each) => each !== host).map(({ address }) => address);
      expect(known(host, "SENTINELS")).toEqual(others.sort());
    }
    for (const host of [app1, app2]) {
      const replication = host.ask("node", "INFO", "replication");
      expect(replication).toContain(`master_host:${consoleHost.address}\r\n`);
      expect(replication).toContain("master_link_status:up");
    }
    expect(hosts.all.map(id)).toEqual(ids);
    // The releases' own settings, not Sentinel's defaults.
    expect(consoleHost.ask("sentinel", "SENTINEL", "MASTER", masterName)).toMatch(
      /failover-timeout\n10000\n/,
    );

    // Once all is well, nothing is told anew.
    const again = await step(app2, mend);
    expect(again).toMatchObject({ status: 0, stderr: "" });
  });

  test("where two nodes say they are master, no address is touched", async () => {
    await everywhere("admit_users; use_logins");
    app1.ask("node", "REPLICAOF", "NO", "ONE");
    app2.ask("node", "REPLICAOF", app1.address, "6389");
    await eventually(10, () =>
      app1.ask("node", "INFO", "replication").includes("connected_slaves:1"),
    );
    consoleHost.ask("node", "CLIENT", "KILL", "TYPE", "replica");
    const before = known(consoleHost, "MASTER");
    const outcome = await step(app1, mend);
    expect(outcome).toMatchObject({ status: 0, stderr: "" });
    expect(known(consoleHost, "MASTER")).toEqual(before);
  });
});

test("the pid file that the role's node could not remove goes before this program's node starts", async () => {
  for (const daemon of ["cluster", "sentinel"])
    app1.write(`/run/redis-cluster/redis-${daemon}.pid`, "7\n");
  await app1.shell("own_runtime_directory redis-cluster.service");
  expect(readdirSync(app1.path("/run/redis-cluster")).sort()).toEqual([
    "node",
    "redis-sentinel.pid",
    "sentinel",
  ]);
});

describe("taking away", () => {
  const token = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  // systemctl of the real machine is never called.
  const unclaim = (host: Host, component: string) => {
    host.write(`/usr/local/lib/redis-cluster/claim.${component}`, `${token}\n`);
    return host.shell(
      `systemctl() { echo "$*" >>"$root/systemctl"; }; verb_unclaim ${component} ${token} delete-data`,
    );
  };

  test("leaves the role's group alone until it is taken over", async () => {
    writeUnits(app1);
    writeRoleFiles(app1);
    app1.fill();
    for (const component of ["sentinel", "node"]) {
      const { status, stderr } = await unclaim(app1, component);
      expect([status, stderr]).toEqual([0, ""]);
    }
    expect(() => app1.read("/systemctl")).toThrow("ENOENT");
    expect(app1.read("redis-cluster.conf")).toContain("port 6389");
    expect(app1.read(`${units}/redis-sentinel.service`)).toContain("Type=forking");
    expect(app1.read("/var/lib/redis-cluster/appendonlydir/appendonly.aof.manifest")).not.toBe("");
  });

  test("takes all of it afterwards", async () => {
    writeUnits(app1);
    writeRoleFiles(app1);
    app1.write("initialised", "");
    expect(await unclaim(app1, "node")).toMatchObject({ status: 0 });
    expect(app1.read("/systemctl")).toContain("disable --now --quiet redis-cluster.service");
    expect(() => app1.read("redis-cluster.conf")).toThrow("ENOENT");
  });
});
