import { readdirSync } from "fs";
import { eventually, Host, Hosts, masterName, Outcome } from "./support/hosts";

// A legacy group, recognised and taken over while it runs.

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
  const refusal = (consent: "True" | "False") =>
    app1.python(`from redis_cluster.prepare import refuse_foreign_units
refuse_foreign_units(adopt=${consent})`);

  test("the legacy ones are taken over with the operator's consent alone", async () => {
    writeUnits(app1);
    expect(await refusal("True")).toMatchObject({ status: 0, stderr: "" });
    const { status, stderr } = await refusal("False");
    expect(status).toBe(1);
    expect(stderr).toMatch(/redis-cluster.service is of a legacy group.* --secret adoptPassword/);
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
    const { status, stderr } = await refusal("True");
    expect(status).toBe(1);
    expect(stderr).toContain("redis-cluster.service belongs to somebody else");
  });
});

/** The files as the legacy daemons have rewritten them. */
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

const recognise = (host: Host) =>
  host.python(`from redis_cluster.adopt import recognise
from redis_cluster.members import load_members
recognise(load_members("${host.path("staged/members")}"))`);

describe("of the legacy files, while nothing runs", () => {
  beforeEach(() => {
    writeUnits(app1);
    app1.program("systemctl", "echo inactive");
  });

  test("those of this group are recognised", async () => {
    writeRoleFiles(app1);
    expect(await recognise(app1)).toMatchObject({ status: 0, stderr: "" });
  });

  test("others are refused, and told", async () => {
    writeRoleFiles(app1, [], [`sentinel known-replica ${masterName} 10.9.9.9 6389`]);
    const { status, stderr } = await recognise(app1);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /app-1\]: error: the legacy group is not taken over: .*knows 10.9.9.9:6389; expected members.*\. Then run pulumi up again; nothing that runs was touched\n$/,
    );
  });
});

describe("while the legacy daemons run", () => {
  /** An address of the console host that is no member's, as 127.0.0.1 is to the role. */
  let alias: string;

  const admit = (host: Host) =>
    host.python(`from redis_cluster.adopt import admit_users
admit_users("${host.path("staged")}")`);
  const useLogins = (host: Host) =>
    host.python("from redis_cluster.adopt import use_logins\nuse_logins()");
  const mend = (host: Host) =>
    host.python(`from redis_cluster.adopt import follow_by_address
from redis_cluster.release import staged_daemons
from redis_cluster.strangers import Mending
follow_by_address(staged_daemons())
for done in Mending(staged_daemons(), "${host.path("staged")}", True).mend():
    print(done, file=sys.stderr)`);
  const everywhere = async (step: (host: Host) => Promise<Outcome>) => {
    for (const host of hosts.all) expect(await step(host)).toMatchObject({ status: 0, stderr: "" });
  };
  const known = (host: Host, what: string) =>
    (host.ask("sentinel", "SENTINEL", what, masterName).match(/(?<=^ip\n).*/gm) ?? []).sort();
  const id = (host: Host) => host.ask("sentinel", "SENTINEL", "MYID");

  beforeEach(async () => {
    alias = consoleHost.address.replace(/\d+$/, "11");
    for (const host of hosts.all) {
      writeUnits(host);
      host.program("systemctl", "if [[ $1 == is-active ]]; then echo active; fi");
      const binds = `bind ${host.address}${host === consoleHost ? ` ${alias}` : ""}`;
      writeRoleFiles(
        host,
        [
          binds,
          `requirepass ${rolePassword}`,
          `masterauth ${rolePassword}`,
          "repl-diskless-sync-delay 0",
          ...(host === consoleHost ? [] : [`replicaof ${alias} 6389`]),
          // Also where the legacy file names no address.
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
    expect(await recognise(app1)).toMatchObject({ status: 0 });
    const other = app1.releaseFiles().secrets;
    app1.write("staged/secrets", `${other}adopt another\n`);
    const { status, stderr } = await recognise(app1);
    expect(status).toBe(1);
    expect(stderr).toMatch(/WRONGPASS.*expected PONG.* --secret adoptPassword/);
  });

  test("they learn users, logins and addresses; nothing restarts, and no id is lost", async () => {
    const ids = hosts.all.map(id);
    await everywhere(admit);
    for (const host of hosts.all) {
      for (const daemon of ["node", "sentinel"] as const) {
        expect(host.ask(daemon, "ACL", "WHOAMI")).toBe("operator\n");
        expect(host.logsIn(daemon, "default", rolePassword)).toBe(true);
      }
      // Also after a restart of the legacy unit.
      expect(host.read("redis-cluster.conf")).toMatch(/^user replication on /m);
      expect(host.read("redis-sentinel.conf")).toMatch(/^user operator on /m);
    }

    await everywhere(useLogins);
    consoleHost.ask("node", "CLIENT", "KILL", "TYPE", "replica");
    await eventually(10, () => {
      const links = consoleHost.ask("node", "CLIENT", "LIST", "TYPE", "replica");
      return (links.match(/user=replication/g) ?? []).length === 2;
    });
    expect(consoleHost.ask("node", "CLIENT", "LIST", "TYPE", "pubsub")).toMatch(/user=sentinel/);
    expect(known(consoleHost, "MASTER")).toEqual([alias]);
    expect(app1.ask("node", "INFO", "replication")).toContain(`master_host:${alias}\r\n`);

    const outcome = await mend(app1);
    expect(outcome).toMatchObject({ status: 0 });
    expect(outcome.stderr).toMatch(/^watches console$/m);
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
    const again = await mend(app2);
    expect(again).toMatchObject({ status: 0, stderr: "" });
  });

  test("where two nodes say they are master, no address is touched", async () => {
    await everywhere(admit);
    await everywhere(useLogins);
    app1.ask("node", "REPLICAOF", "NO", "ONE");
    app2.ask("node", "REPLICAOF", app1.address, "6389");
    await eventually(10, () =>
      app1.ask("node", "INFO", "replication").includes("connected_slaves:1"),
    );
    consoleHost.ask("node", "CLIENT", "KILL", "TYPE", "replica");
    const before = known(consoleHost, "MASTER");
    const outcome = await mend(app1);
    expect(outcome).toMatchObject({ status: 0, stderr: "" });
    expect(known(consoleHost, "MASTER")).toEqual(before);
  });
});

test("the pid file that the legacy node could not remove goes before this program's node starts", async () => {
  for (const daemon of ["cluster", "sentinel"])
    app1.write(`/run/redis-cluster/redis-${daemon}.pid`, "7\n");
  app1.program("systemctl");
  expect(await app1.act("install", "node")).toMatchObject({ status: 0, stderr: "" });
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
    host.program("systemctl", `echo "$*" >>${host.path("/systemctl")}`);
    return host.run("unclaim", component, token, "delete-data");
  };

  test("leaves the legacy group alone until it is taken over", async () => {
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
