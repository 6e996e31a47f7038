import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "fs";
import { load } from "js-yaml";
import { join } from "path";
import { loadConfig, parseConfig, report } from "../../components/config/load";
import { nodeHosts } from "../../components/config/topology";
import { host, hosts, said, keyPair, problemsOf, rawConfig, secrets } from "../helpers/config";
import { sshKey } from "../helpers/sshKey";

const parse = (more = {}) => {
  const { config, problems } = parseConfig("dev", rawConfig(more), () => true);
  if (!config) {
    throw new Error(report("dev", problems));
  }
  return config;
};
/** To take every secret away. */
const none = Object.fromEntries(Object.keys(secrets).map((key) => [key, undefined]));

test("the smallest configuration is filled in", () => {
  const config = parse();
  expect(config).toMatchObject({
    stack: "dev",
    masterName: "redis-dev-cluster",
    bootstrapMaster: "console",
    quorum: 2,
    nodePort: 6389,
    sentinelPort: 26389,
    ssh: { user: "deploy", port: 22, agent: false, helper: false },
    sentinelReturn: 120,
    limits: { stall: 60, step: 3600, pause: 10 },
    deleteData: false,
    kernelSettings: true,
    users: [{ name: "application", keys: ["*"], channels: ["*"] }],
    secrets: {
      sshPrivateKey: secrets.sshPrivateKey,
      passwords: {
        application: secrets.applicationPassword,
        replication: secrets.replicationPassword,
        sentinel: secrets.sentinelPassword,
        operator: secrets.operatorPassword,
        monitoring: secrets.monitoringPassword,
      },
      previousPasswords: {},
    },
  });
  expect(config.hosts[0]).toMatchObject({
    name: "app-1",
    address: "10.77.0.12",
    sshHost: "10.77.0.12",
    hostKey: keyPair.public,
  });
  expect(config.hosts[0].redis?.bind).toBe("10.77.0.12 127.0.0.1");
  expect(config.hosts[0].sentinel?.bind).toBe("10.77.0.12 127.0.0.1");
});

test("an empty default of the schema is as no value", () => {
  const bare = { quorum: "0", masterName: "", redis: {}, sentinel: {}, deleteData: "false" };
  expect(parse(bare)).toEqual(parse());
});

test.each([
  [3, 3, "1"],
  [4, 3, "2"],
  [5, 5, "2"],
  [5, 3, "3"],
])("%d hosts with %d sentinels: a master needs %s replicas to write", (count, sentinels, least) => {
  const entries = Array.from({ length: count }, (_, i) => [
    i === 0 ? "console" : `app-${i}`,
    host(`10.77.0.${11 + i}`, { sentinel: i < sentinels }),
  ]);
  const { hosts } = parse({ hosts: Object.fromEntries(entries) as object });
  expect(hosts.map(({ redis }) => redis?.["min-replicas-to-write"])).toEqual(
    Array.from({ length: count }, () => least),
  );
});

test.each([
  // With the others are all sentinels that have no node, and one node to promote.
  [2, 1, "1"],
  [2, 3, "1"],
  [3, 2, "2"],
  [4, 1, "2"],
])(
  "%d nodes with sentinels and %d hosts with a sentinel alone: a master needs %s replicas to write",
  (nodes, alone, least) => {
    const entries = Array.from({ length: nodes + alone }, (_, i) => [
      i === 0 ? "console" : `app-${i}`,
      host(`10.77.0.${11 + i}`, i < nodes ? {} : { node: false }),
    ]);
    const config = parse({ hosts: Object.fromEntries(entries) as object });
    expect(nodeHosts(config.hosts).map(({ redis }) => redis["min-replicas-to-write"])).toEqual(
      Array.from({ length: nodes }, () => least),
    );
    expect(config.hosts.filter(({ sentinel }) => sentinel)).toHaveLength(nodes + alone);
    expect(config.quorum).toBe((nodes + alone + 1) / 2);
  },
);

describe("the committed files", () => {
  const file = (name: string): Record<string, Record<string, unknown>> =>
    load(readFileSync(join(__dirname, "..", "..", name), "utf8")) as never;

  test("the schema describes every key, with the program's own defaults", () => {
    const schema = file("Pulumi.yaml").config as Record<string, { default?: unknown }>;
    const [{ expected }] = problemsOf({ unknown: "1" });
    expect(`one of ${Object.keys(schema).join(", ")}`).toBe(expected);
    const defaults = Object.entries(schema)
      .filter(([key]) => !(key in secrets))
      .flatMap(([key, { default: value }]) => (value === undefined ? [] : [[key, value]]));
    expect(parse(Object.fromEntries(defaults) as Record<string, unknown>)).toEqual(parse());
  });

  test.each(["dev", "stage"])("the stack %s lacks host keys and secrets only", (stack) => {
    const values = Object.entries(file(`Pulumi.${stack}.yaml`).config).map(
      ([key, value]): [string, unknown] => [key.replace(/^redis-cluster:/, ""), value],
    );
    const config = Object.fromEntries(values) as { hosts: Record<string, Record<string, unknown>> };
    const { problems } = parseConfig(stack, rawConfig({ ...config, ...none }), () => true);
    expect(problems.map(({ key }) => key).sort()).toEqual(
      [
        ...Object.keys(config.hosts).map((name) => `hosts.${name}.hostKey`),
        ...Object.keys(secrets),
      ].sort(),
    );
  });
});

test("everything that can be given is taken", () => {
  const config = parse({
    hosts: hosts({
      "app-2": host("10.77.0.13", {
        sshHost: "app2.example.com",
        redis: { hz: 20 },
        sentinel: { "down-after-milliseconds": 7000 },
      }),
      "app-3": host("10.77.0.14", { sentinel: false }),
      "app-4": host("10.77.0.15", { sentinel: true }),
      "app-5": host("10.77.0.16", { sentinel: {} }),
    }),
    bootstrapMaster: "app-2",
    quorum: "4",
    masterName: "the-dev-group",
    nodePort: "7000",
    sentinelPort: "7001",
    redis: { hz: 10, maxmemory: "1gb" },
    sentinel: { "failover-timeout": 30000 },
    ssh: {
      user: "ops",
      port: 2222,
      bastion: { host: "backend-bastion.example.com", hostKey: keyPair.public },
    },
    sentinelReturn: "15",
    limits: { stall: 600, pause: "2" },
    deleteData: "true",
  });
  expect(config).toMatchObject({
    quorum: 4,
    masterName: "the-dev-group",
    nodePort: 7000,
    sentinelPort: 7001,
    ssh: { bastion: { host: "backend-bastion.example.com", port: 22, user: "ops" } },
    sentinelReturn: 15,
    limits: { stall: 600, step: 3600, pause: 2 },
    deleteData: true,
  });
  const byName = Object.fromEntries(config.hosts.map((one) => [one.name, one]));
  expect(byName["app-2"].sshHost).toBe("app2.example.com");
  expect(byName["app-2"].redis).toMatchObject({ hz: "20", maxmemory: "1gb" });
  expect(byName["app-1"].redis).toMatchObject({ hz: "10", maxmemory: "1gb" });
  expect(byName["app-2"].sentinel).toMatchObject({
    "down-after-milliseconds": "7000",
    "failover-timeout": "30000",
  });
  expect(byName["app-3"].sentinel).toBeUndefined();
  expect(byName["app-4"].sentinel).toEqual({
    ...byName["app-1"].sentinel,
    bind: "10.77.0.15 127.0.0.1",
  });
});

test("a daemon may listen everywhere", () => {
  expect(said({ redis: { bind: "0.0.0.0" }, sentinel: { bind: ["0.0.0.0"] } })).toEqual([]);
});

test("a node may do without snapshots as long as it has its log, and the other way round", () => {
  expect(said({ redis: { save: "" } })).toEqual([]);
  expect(said({ redis: { appendonly: false } })).toEqual([]);
});

test("hosts are in natural order, the bootstrap master last", () => {
  const config = parse({
    hosts: {
      "app-10": host("10.0.0.10"),
      "app-2": host("10.0.0.2"),
      "app-1": host("10.0.0.1"),
      console: host("10.0.0.3"),
      web: host("10.0.0.4"),
    },
    bootstrapMaster: "app-1",
  });
  expect(config.hosts.map(({ name }) => name)).toEqual([
    "app-2",
    "app-10",
    "console",
    "web",
    "app-1",
  ]);
});

test("a key with a passphrase is refused", () => {
  const locked = sshKey({
    passphrase: "x",
    cipher: "aes256-cbc",
    rounds: 1,
  });
  expect(said({ sshPrivateKey: locked.private })).toEqual([
    expect.stringMatching(/^sshPrivateKey is no usable key \(a passphrase\)/),
  ]);
});

test("a user may read some keys and write others, and has no more than is given", () => {
  const [reader] = parse({
    users: { reader: { readKeys: ["app:*", "*"], writeKeys: ["jobs:?"] } },
    readerPassword: "x",
    applicationPassword: undefined,
  }).users;
  expect(reader).toMatchObject({
    keys: [],
    readKeys: ["app:*", "*"],
    writeKeys: ["jobs:?"],
    channels: ["*"],
  });
});

test.each(["ü€ \" ' #\\ $x", "x", "x".repeat(512), "日".repeat(512)])(
  "the application's password may be %j",
  (applicationPassword) => {
    expect(parse({ applicationPassword }).secrets.passwords.application).toBe(applicationPassword);
  },
);

test("with an SSH agent there is no private key", () => {
  const ssh = { user: "deploy", agent: true };
  expect(parse({ ssh, sshPrivateKey: undefined }).secrets.sshPrivateKey).toBeUndefined();
  expect(said({ ssh })).toEqual(["sshPrivateKey is set; expected none where ssh.agent is true"]);
  expect(said({ ssh: { user: "deploy", agent: "yes" } })).toEqual([
    'ssh.agent is "yes"; expected true or false',
  ]);
});

test("a private key without its last line break is taken", () => {
  expect(said({ sshPrivateKey: keyPair.private.trim() })).toEqual([]);
});

test("without secrets each is named with the command that sets it", () => {
  const command = "pulumi config set --stack dev --secret";
  expect(said(none)).toEqual([
    `sshPrivateKey is missing; expected a secret; set it: ${command} sshPrivateKey < ~/.ssh/id_ed25519, or set ssh.agent: true`,
    ...["application", "replication", "sentinel", "operator", "monitoring"].map(
      (name) =>
        `${name}Password is missing; expected a secret; set it: openssl rand -hex 32 | ${command} ${name}Password`,
    ),
  ]);
});

test("a secret in plain text is refused and not repeated", () => {
  const { problems } = parseConfig("dev", rawConfig(), (key) => key !== "operatorPassword");
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ key: "operatorPassword", seen: "is in plain text" });
  expect(JSON.stringify(problems)).not.toMatch(secrets.operatorPassword);
});

describe("the password of the legacy group's clients", () => {
  test("is wanted by no group but one that is taken over", () => {
    expect(parse().adopt).toBe(false);
    const { adopt, secrets } = parse({ adoptPassword: "foobared" });
    expect([adopt, secrets.adoptPassword]).toEqual([true, "foobared"]);
  });

  test("is a secret, in one word", () => {
    const raw = rawConfig({ adoptPassword: "foobared" });
    const { problems } = parseConfig("dev", raw, (key) => key !== "adoptPassword");
    expect(problems.map(({ key, seen }) => `${key} ${seen}`)).toEqual([
      "adoptPassword is in plain text",
    ]);
    expect(said({ adoptPassword: "foo bared" })).toEqual([
      "adoptPassword is unfit; expected 1 to 512 visible ASCII characters, the password of the old group's clients; " +
        "set it: pulumi config set --stack dev --secret adoptPassword",
    ]);
  });
});

test("no secret is repeated in what is said of it", () => {
  const unfit = Object.fromEntries(Object.keys(secrets).map((key) => [key, "hunter2\n"]));
  expect(said(unfit)).toHaveLength(6);
  expect(said(unfit).join()).not.toMatch("hunter2");
});

test("all errors come in one report", () => {
  const problems = problemsOf({
    quorum: "1",
    nodePort: "6379",
    redis: { hz: 0, port: 1 },
    ssh: {},
  });
  expect(problems).toHaveLength(5);
  expect(report("dev", problems)).toBe(
    [
      "The configuration of stack dev has 5 errors; no host was touched.",
      "  redis-cluster:ssh.user is nothing; expected the name of a user",
      "  redis-cluster:redis.hz is 0; expected an integer from 1 to 500",
      "  redis-cluster:redis.port is set by this program; expected no override (set redis-cluster:nodePort)",
      "  redis-cluster:nodePort is 6379; expected a port from 1024 to 65535, and not 6379: that is the distribution's own Redis",
      "  redis-cluster:quorum is 1; expected from 2 to 3: at least a majority of the sentinels, at most all",
    ].join("\n"),
  );
});

describe("loadConfig", () => {
  const set = (more = {}, secretKeys: string[] = Object.keys(secrets)): void => {
    const prefix = (key: string) => `redis-cluster:${key}`;
    pulumi.runtime.setAllConfig(
      Object.fromEntries(
        Object.entries(rawConfig(more)).map(([key, value]) => [prefix(key), value]),
      ),
      secretKeys.map(prefix),
    );
  };

  const { SSH_AUTH_SOCK } = process.env;
  beforeEach(() => delete process.env.SSH_AUTH_SOCK);
  afterAll(() => SSH_AUTH_SOCK && (process.env.SSH_AUTH_SOCK = SSH_AUTH_SOCK));

  beforeAll(() =>
    pulumi.runtime.setMocks(
      { newResource: () => ({ id: "", state: {} }), call: () => ({}) },
      "redis-cluster",
      "dev",
    ),
  );

  test("gives the secrets as secret outputs", async () => {
    set();
    const config = loadConfig();
    expect(config.masterName).toBe("redis-dev-cluster");
    for (const [output, value] of [
      [config.secrets.sshPrivateKey!, secrets.sshPrivateKey],
      [config.secrets.passwords.application, secrets.applicationPassword],
      [config.secrets.passwords.operator, secrets.operatorPassword],
    ] as const) {
      expect(await pulumi.isSecret(output)).toBe(true);
      expect(await new Promise((resolve) => output.apply(resolve))).toBe(value);
    }
  });

  test("leaves the settings of other namespaces alone", () => {
    set({ quorum: "2" });
    const all = { ...pulumi.runtime.allConfig(), "pulumi:quorum": "1" };
    pulumi.runtime.setAllConfig(all, Object.keys(all));
    expect(loadConfig().stack).toBe("dev");
  });

  test("looks at the SSH agent before anything else", () => {
    set();
    process.env.SSH_AUTH_SOCK = "/nonexistent/agent";
    expect(loadConfig).toThrow(
      /^The configuration of stack dev has 1 error; no host was touched.\n {2}redis-cluster:sshPrivateKey is set, while no SSH agent answers at SSH_AUTH_SOCK/,
    );
  });

  test("warns of what is only told", () => {
    const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
    set({ redis: { "maxmemory-policy": "allkeys-lru" } });
    loadConfig();
    expect(warn.mock.calls).toEqual([
      [
        "redis-cluster:redis.maxmemory-policy is allkeys-lru while maxmemory is 0; expected maxmemory: without a limit nothing is ever evicted",
      ],
    ]);
    warn.mockRestore();
  });

  test("throws the report without a stack trace", () => {
    set({ quorum: "1" }, ["sshPrivateKey"]);
    let thrown: unknown;
    try {
      loadConfig();
    } catch (error) {
      thrown = error;
    }
    expect(pulumi.RunError.isInstance(thrown)).toBe(true);
    expect((thrown as Error).message).toMatch(/^The configuration of stack dev has 6 errors/);
  });
});
