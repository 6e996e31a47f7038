import { readdirSync, readFileSync } from "fs";
import { join } from "path";
import {
  render,
  renderBackupSecrets,
  renderBackupUnits,
  renderFirewall,
  renderKernelUnit,
  renderMembers,
  renderNodeUnit,
  renderRedisConf,
  renderSentinelConf,
  renderSentinelUnit,
} from "../../components/release/render";
import { Daemon } from "../../components/directives/directive";
import { settingsByClass } from "../../components/release/changes";
import { nodeFiles } from "../../components/release/manifest";
import { host, keyPair, topologyConfig } from "../helpers/config";

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

const parts = (daemon: Daemon, text: string): { restart: string[]; live: string[] } => {
  const names = nodeFiles(config, app1).live.split("\n");
  const isLive = (line: string) =>
    names.includes(`${daemon} ${line.replace(/^sentinel /, "").split(" ")[0]}`);
  const lines = text.split("\n");
  return { restart: lines.filter((line) => !isLive(line)), live: lines.filter(isLive) };
};

describe("redis.conf", () => {
  const text = renderRedisConf(config, app1);

  test("has what the program owns and what waits for a restart", () => {
    expect(parts("node", text).restart).toEqual(
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

  test("has what Redis takes at run time", () => {
    expect(parts("node", text).live).toEqual(
      expect.arrayContaining([
        "bind 10.77.0.12 127.0.0.1",
        "hz 20",
        "notify-keyspace-events KEA",
        "save 3600 1 300 100 60 10000",
        'proc-title-template "{title} {listen-addr} {server-mode}"',
      ]),
    );
    expect(parts("node", text).restart.join("\n")).not.toMatch(/^hz /m);
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

  test("has what waits for a restart, and the rest", () => {
    expect(parts("sentinel", text).restart).toEqual(
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
    expect(parts("sentinel", text).live).toEqual([
      "sentinel down-after-milliseconds redis-dev-cluster 2000",
      "sentinel failover-timeout redis-dev-cluster 10000",
      "sentinel parallel-syncs redis-dev-cluster 1",
      "sentinel master-reboot-down-after-period redis-dev-cluster 6001",
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
      "sentinel-return 120",
      "limits 60 10",
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
  const packageVersion = "5:7.0.15-1~deb12u7";
  expect(renderMembers({ ...config, packageVersion }, app3)).toMatch(
    /^limits 60 10\npackage 5:7\.0\.15-1~deb12u7\nnode /m,
  );
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
      ...(name === "node" ? ["NotifyAccess=all"] : []),
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

describe("firewall", () => {
  test("is no rule where the stack has none", () => {
    expect(renderFirewall(config)).not.toMatch(/^[^#]/m);
  });

  test("lets in loopback, every member and the stack's networks, on the two ports alone", () => {
    const text = renderFirewall(topologyConfig({ firewall: { allow: ["10.78.0.0/16"] } }));
    expect(text.match(/ip saddr .*/g)).toEqual([
      "ip saddr 10.77.0.12 accept",
      "ip saddr 10.77.0.13 accept",
      "ip saddr 10.77.0.11 accept",
      "ip saddr 10.78.0.0/16 accept",
    ]);
    expect(text).toContain("tcp dport != { 6389, 26389 } accept\n    iif lo accept");
  });
});

describe("the units of the backup", () => {
  const saving = (hosts: string[]) =>
    topologyConfig({ backup: { hosts, onCalendar: "*-*-* 03:00:00", keep: 3 } });

  test("are comments alone where the host does not save", () => {
    for (const text of [
      ...Object.values(renderBackupUnits(config, "app-1")),
      ...Object.values(renderBackupUnits(saving(["app-2"]), "app-1")),
    ])
      expect(text).not.toMatch(/^[^#]/m);
  });

  test("have the time and the number to keep, and one that is alone knows that", () => {
    const { service, timer } = renderBackupUnits(saving(["app-1"]), "app-1");
    expect(timer).toContain("\nOnCalendar=*-*-* 03:00:00\n");
    expect(service).toContain("/redis-cluster backup 3 alone\n");
    const [one] = [renderBackupUnits(saving(["app-1", "app-2"]), "app-1")];
    expect(one.service).toContain("/redis-cluster backup 3\n");
  });

  test("prove again, last, where the stack wants it", () => {
    const drilled = topologyConfig({ backup: { hosts: ["app-1"], drill: 7 } });
    expect(renderBackupUnits(drilled, "app-1").service).toMatch(
      / prove-backup\n# Then again .*\nExecStart=.* drill-backups 7\n# A big/,
    );
    expect(renderBackupUnits(saving(["app-1"]), "app-1").service).not.toContain("drill");
  });

  test("run as redis, which may write to the backups alone", () => {
    const { service } = renderBackupUnits(saving(["app-1"]), "app-1");
    expect(service).toContain("\nUser=redis\n");
    expect(service.match(/^(ReadWritePaths|StateDirectory)=.*/gm)).toEqual([
      "StateDirectory=redis-cluster-backup",
      "ReadWritePaths=/etc/redis-cluster /var/lib/redis-cluster /var/log/redis-cluster",
      "ReadWritePaths=",
    ]);
  });

  const copying = (repository: string, backupSecrets: Record<string, string> = {}) =>
    topologyConfig({
      backup: { hosts: ["app-1"], repository, hostKey: `${keyPair.public} of the vault` },
      backupSecrets: { RESTIC_PASSWORD: "of-restic", ...backupSecrets },
    });

  test("copy to the second place last, and may write to it where it is a directory", () => {
    const { service } = renderBackupUnits(copying("/mnt/backup"), "app-1");
    expect(service).toMatch(
      /prove-backup\n# Then to \/mnt\/backup\.\nExecStart=.* copy-backup 7\n/,
    );
    expect(service).toContain("\nReadWritePaths=\nReadWritePaths=-/mnt/backup\n");
    const remote = renderBackupUnits(copying("s3:s3.example.com/redis"), "app-1").service;
    expect(remote).toContain(" copy-backup 7\n");
    expect(remote).not.toContain("ReadWritePaths=-");
    for (const text of [service, remote]) expect(text).toContain("\nSystemCallFilter=setrlimit\n");
    expect(renderBackupUnits(saving(["app-1"]), "app-1").service).not.toMatch(/setrlimit|copy-/);
  });

  test("have a repository of each host's own, and the secrets in files of their own", async () => {
    const config = copying("sftp:redis@10.77.0.5:/srv", { sshPrivateKey: keyPair.private });
    const files = renderBackupSecrets(config, "app-1");
    const text = async (name: string) => new Promise((resolve) => void files[name].apply(resolve));
    expect(Object.keys(files)).toEqual(["backup.env", "backup.key", "backup.host"]);
    expect(await text("backup.env")).toBe(
      "RESTIC_REPOSITORY=sftp:redis@10.77.0.5:/srv/redis-dev-cluster/app-1\nRESTIC_PASSWORD=of-restic\n",
    );
    expect(await text("backup.key")).toBe(keyPair.private);
    expect(await text("backup.host")).toBe(`backup ${keyPair.public} of the vault\n`);
    expect(renderBackupSecrets(config, "app-2")).toEqual({});
    expect(renderBackupSecrets(saving(["app-1"]), "app-1")).toEqual({});
  });
});

describe("the unit of the kernel's settings", () => {
  test("is a comment alone where the stack does not want it", () => {
    expect(renderKernelUnit(topologyConfig({ kernelSettings: false }))).not.toMatch(/^[^#]/m);
  });

  test("is root without a capability, where all but the kernel's settings is read-only", () => {
    const text = renderKernelUnit(config);
    for (const line of ["CapabilityBoundingSet=", "ProtectSystem=strict", "NoNewPrivileges=true"])
      expect(text.split("\n")).toContain(line);
    // For the last of these systemd mounts another /proc, in which a container may write its machine's settings.
    expect(text).not.toMatch(/^(ReadWritePaths|AmbientCapabilities|ProtectControlGroups)=./m);
  });
});

describe("settings by class", () => {
  const difference = (more: object) => {
    const [before, after] = [topologyConfig(), topologyConfig({ ...more })].map(settingsByClass);
    const changed = (which: "live" | "restart") =>
      Object.entries(after[which]).filter(
        ([name, value]) => JSON.stringify(before[which][name]) !== JSON.stringify(value),
      );
    return { live: changed("live"), restart: changed("restart") };
  };

  it("names what a running daemon takes as live, and what restarts it as restart", () => {
    expect(difference({ redis: { hz: 20 } })).toEqual({ live: [["redis.hz", "20"]], restart: [] });
    expect(difference({ sentinel: { "down-after-milliseconds": 5000 }, quorum: 3 })).toEqual({
      live: [
        ["sentinel.down-after-milliseconds", "5000"],
        ["sentinel.quorum", "3"],
      ],
      restart: [],
    });
    expect(difference({ redis: { "tcp-backlog": 600 }, sentinelPort: 26390 })).toEqual({
      live: [],
      restart: [
        ["redis.tcp-backlog", "600"],
        ["sentinel.port", "26390"],
      ],
    });
  });

  it("has every line of both files in one class, and the units with what restarts", () => {
    const { live, restart } = settingsByClass(config);
    expect(Object.keys(live).filter((name) => name in restart)).toEqual([]);
    const lines = [renderRedisConf, renderSentinelConf].flatMap((render) =>
      render(config, config.hosts[0])
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#")),
    );
    // With the quorum and the two units.
    expect(Object.keys({ ...live, ...restart })).toHaveLength(lines.length + 3);
    expect(Object.keys(restart).filter((name) => name.endsWith(".service"))).toHaveLength(2);
  });

  it("tells a setting that is not the same everywhere by host", () => {
    const hosts = { console: "10", "app-1": "20", "app-2": "10", "app-3": "10" };
    expect(settingsByClass(config).live["redis.hz"]).toEqual(hosts);
  });
});

describe("render", () => {
  const plain = {
    replication: "r",
    sentinel: "s",
    operator: "o",
    previousOperator: [],
    adopt: [],
    hashes: [],
  };

  test("leaves characters as they are", () => {
    expect(render("secrets", { ...plain, replication: `&<>"'/=\`` })).toMatch(
      /^replication &<>"'\/=`$/m,
    );
  });

  test("fails on a missing value, naming template and variable", () => {
    expect(() => render("secrets", { replication: "r", sentinel: "s", hashes: [] })).toThrow(
      "templates/secrets.mustache: no value for {{operator}}",
    );
    expect(() => render("members", { masterName: "m", quorum: 2, self: "s" })).toThrow(
      "templates/members.mustache: no value for {{sentinelReturn}}",
    );
    expect(() =>
      render("redis.conf", {
        ...{ cluster: "redis-cluster", port: 1, tls: [], address: "a" },
        settings: [{ name: "hz" }],
      }),
    ).toThrow("no value for {{value}}");
  });

  test.each(["a\nb", "a\rb", "a\0b", "a\tb"])(
    "refuses %j, which would end or break its line",
    (value) => {
      expect(() => render("secrets", { ...plain, replication: value })).toThrow(
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
