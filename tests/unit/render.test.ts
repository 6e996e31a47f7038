import * as pulumi from "@pulumi/pulumi";
import { readdirSync, readFileSync } from "fs";
import { join } from "path";
import {
  Passwords,
  passwords,
  render,
  renderMembers,
  renderNodeAcl,
  renderNodeUnit,
  renderRedisConf,
  renderSecrets,
  renderSentinelAcl,
  renderSentinelConf,
  renderSentinelUnit,
} from "../../components/render";
import { host, secrets, topologyConfig } from "../helpers/config";

const config = topologyConfig({
  hosts: {
    console: host("10.77.0.11"),
    "app-1": host("10.77.0.12", { redis: { hz: 20 } }),
    "app-2": host("10.77.0.13"),
    "app-3": host("10.77.0.14", { sentinel: false }),
  },
  redis: { databases: 4, "notify-keyspace-events": "KEA" },
  sentinel: { loglevel: "verbose", "down-after-milliseconds": 2000 },
});
const [app1, , app3, bootstrap] = config.hosts;

const all: Passwords = {
  application: "app \"'&<> secret",
  replication: "replication-password",
  sentinel: "sentinel-password",
  operator: "operator-password",
};
const parts = (text: string): { restart: string[]; live: string[] } => {
  const lines = text.split("\n");
  const mark = lines.findIndex((line) => line.startsWith("# live: "));
  return { restart: lines.slice(0, mark), live: lines.slice(mark + 1) };
};

describe("redis.conf", () => {
  const text = renderRedisConf(config, app1);

  test("has what the program owns and what waits for a restart before the mark", () => {
    expect(parts(text).restart).toEqual(
      expect.arrayContaining([
        "port 6389",
        "dir /var/lib/redis-cluster",
        "logfile /var/log/redis-cluster/redis-cluster.log",
        "daemonize no",
        "supervised systemd",
        "replica-announce-ip 10.77.0.12",
        "databases 4",
        "appendonly yes",
        "dbfilename dump.rdb",
      ]),
    );
  });

  test("has what Redis takes at run time after the mark", () => {
    expect(parts(text).live).toEqual(
      expect.arrayContaining([
        "bind 10.77.0.12 127.0.0.1",
        "hz 20",
        "notify-keyspace-events KEA",
        "save 3600 1 300 100 60 10000",
        'proc-title-template "{title} {listen-addr} {server-mode}"',
      ]),
    );
    expect(parts(text).restart.join("\n")).not.toMatch(/^hz /m);
  });

  test("says nothing of roles, users and passwords", () => {
    expect(text).not.toMatch(/^(replicaof|masteruser|masterauth|aclfile|requirepass|user) /m);
  });

  test("names each directive once", () => {
    const names = text.match(/^[a-z][\w-]*/gm);
    expect(names).toEqual([...new Set(names)]);
  });
});

describe("sentinel.conf", () => {
  const text = renderSentinelConf(config, app1);

  test("has the restart part before the mark and the rest after it", () => {
    expect(parts(text).restart).toEqual(
      expect.arrayContaining([
        "port 26389",
        "dir /tmp",
        "logfile /var/log/redis-cluster/redis-sentinel.log",
        "supervised systemd",
        "sentinel announce-ip 10.77.0.12",
        "sentinel deny-scripts-reconfig yes",
        "bind 10.77.0.12 127.0.0.1",
        "loglevel verbose",
      ]),
    );
    expect(parts(text).live).toEqual([
      "sentinel down-after-milliseconds redis-dev-cluster 2000",
      "sentinel failover-timeout redis-dev-cluster 10000",
      "sentinel parallel-syncs redis-dev-cluster 1",
      "sentinel master-reboot-down-after-period redis-dev-cluster 6001",
      "",
    ]);
  });

  test("says nothing of the master's address, users and passwords", () => {
    expect(text).not.toMatch(
      /sentinel (monitor|auth-|sentinel-|myid|known-|.*epoch)|aclfile|requirepass/,
    );
  });

  test("is none where there is no sentinel", () => {
    expect(() => renderSentinelConf(config, app3)).toThrow("app-3 has no sentinel");
  });
});

test("members", () => {
  expect(renderMembers(config, app3)).toBe(
    [
      "# Managed by Pulumi: redis-cluster",
      "master-name redis-dev-cluster",
      "quorum 2",
      "self app-3",
      "bootstrap-master console",
      "node app-1 10.77.0.12 6389",
      "node app-2 10.77.0.13 6389",
      "node app-3 10.77.0.14 6389",
      "node console 10.77.0.11 6389",
      "sentinel app-1 10.77.0.12 26389",
      "sentinel app-2 10.77.0.13 26389",
      "sentinel console 10.77.0.11 26389",
      "",
    ].join("\n"),
  );
  expect(renderMembers(config, bootstrap)).toMatch(/^self console$/m);
});

describe("units", () => {
  const node = renderNodeUnit(config);
  const sentinel = renderSentinelUnit(config);

  test.each([
    ["node", node],
    ["sentinel", sentinel],
  ])("the %s's begins with the mark by which it is known as ours", (_, unit) => {
    expect(unit.split("\n")[0]).toBe("# Managed by Pulumi: redis-cluster");
  });

  test.each([
    ["node", node],
    ["sentinel", sentinel],
  ])("the %s's is one that stops, restarts and keeps secrets", (name, unit) => {
    for (const line of [
      "Type=notify",
      "User=redis",
      `ExecStartPre=/usr/local/lib/redis-cluster/redis-cluster compose-${name}`,
      "TimeoutStartSec=infinity",
      "TimeoutStopSec=120",
      "Restart=always",
      "RestartSec=200ms",
      "StartLimitIntervalSec=0",
      "UMask=0077",
      "ProtectSystem=strict",
      "ReadWritePaths=/etc/redis-cluster /var/lib/redis-cluster /var/log/redis-cluster",
      `RuntimeDirectory=redis-cluster/${name}`,
      "WantedBy=multi-user.target",
    ]) {
      expect(unit.split("\n")).toContain(line);
    }
  });

  test("start each daemon on its own file", () => {
    expect(node).toMatch(
      /^ExecStart=\/usr\/bin\/redis-server \/etc\/redis-cluster\/redis-cluster.conf$/m,
    );
    expect(sentinel).toMatch(
      /^ExecStart=\/usr\/bin\/redis-server \/etc\/redis-cluster\/redis-sentinel.conf --sentinel$/m,
    );
  });

  test("stop the node before the sentinel beside it", () => {
    expect(node).toMatch(/^After=.*\bredis-sentinel.service\b/m);
    expect(sentinel).not.toMatch("redis-cluster.service");
  });
});

describe("secrets", () => {
  const hash = (name: keyof Passwords, text: string): string | undefined =>
    new RegExp(`^user ${name} on #([0-9a-f]{64}) `, "m").exec(text)?.[1];

  // printf %s PASSWORD | sha256sum
  const operatorHash = "59d504b980f96034e3d89ad0ad13906be95eca50df5f72697dc371b5d400574b";

  test.each([
    [
      "nodes",
      renderNodeAcl(all),
      ["default", "application", "replication", "sentinel", "operator"],
    ],
    ["sentinels", renderSentinelAcl(all), ["default", "application", "sentinel", "operator"]],
  ])("the users of %s have hashes only, and the user default is off", (_, text, users) => {
    const lines = text.trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ")[1])).toEqual(users);
    expect(lines[0]).toBe("user default off resetpass resetkeys resetchannels -@all");
    expect(hash("operator", text)).toBe(operatorHash);
    for (const password of Object.values(all)) {
      expect(text).not.toContain(password);
    }
  });

  test("the file of a host's own passwords leaves out the application's", () => {
    expect(renderSecrets(all)).toBe(
      "replication replication-password\nsentinel sentinel-password\noperator operator-password\n",
    );
  });

  test("the passwords of a stack come by user, and secret", async () => {
    const output = passwords(config.secrets);
    expect(await pulumi.isSecret(output)).toBe(true);
    expect(await new Promise((resolve) => output.apply(resolve))).toEqual({
      application: secrets.applicationPassword,
      replication: secrets.replicationPassword,
      sentinel: secrets.sentinelPassword,
      operator: secrets.operatorPassword,
    });
  });
});

describe("render", () => {
  test("leaves characters as they are", () => {
    expect(render("secrets", { replication: `&<>"'/=\``, sentinel: "s", operator: "o" })).toMatch(
      /^replication &<>"'\/=`$/m,
    );
  });

  test("fails on a missing value, naming template and variable", () => {
    expect(() => render("secrets", { replication: "r", sentinel: "s" })).toThrow(
      "templates/secrets.mustache: no value for {{operator}}",
    );
    expect(() =>
      render("members", { masterName: "m", quorum: 2, self: "s", bootstrapMaster: "b" }),
    ).toThrow("templates/members.mustache: no value for {{nodes}}");
    expect(() =>
      render("redis.conf", { port: 1, address: "a", live: [], restart: [{ name: "hz" }] }),
    ).toThrow("no value for {{value}}");
  });

  test.each(["a\nb", "a\rb", "a\0b", "a\tb"])(
    "refuses %j, which would end or break its line",
    (value) => {
      expect(() => render("secrets", { replication: value, sentinel: "s", operator: "o" })).toThrow(
        "templates/secrets.mustache: a value contains a line break or a control character",
      );
    },
  );

  test("fails on a template that is not there", () => {
    expect(() => render("nothing", {})).toThrow("templates/nothing.mustache: ");
  });

  test("no template goes round the check of its values", () => {
    const directory = join(__dirname, "..", "..", "templates");
    for (const file of readdirSync(directory).filter((name) => name.endsWith(".mustache"))) {
      expect([file, /{{[{&]/.test(readFileSync(join(directory, file), "utf8"))]).toEqual([
        file,
        false,
      ]);
    }
  });
});
