import { parseConfig, secretOutputs } from "../../components/config/load";
import { programHash } from "../../components/remote/hostProgram";
import { ReplicationTopology } from "../../components/replicationTopology";
import { idGiven, precedes, Registered, registeredBy } from "../helpers/graph";
import { sshKey } from "../helpers/sshKey";

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEmM0tRb6wUuYd9cl3dnLrv8H9vFwzB1gwI0r5Hjqzi3";
const secrets = {
  sshPrivateKey: sshKey().private,
  applicationPassword: "a".repeat(32),
  replicationPassword: "r".repeat(32),
  sentinelPassword: "s".repeat(32),
  operatorPassword: "o".repeat(32),
  monitoringPassword: "m".repeat(32),
};

const three = {
  console: { address: "10.77.0.11", hostKey },
  "app-1": { address: "10.77.0.12", hostKey },
  "app-2": { address: "10.77.0.13", hostKey },
};

function graphOf(
  hosts: object,
  ssh: object = {},
  says: Record<string, string> = {},
  more: Record<string, string> = {},
): Promise<Map<string, Registered>> {
  return registeredBy(() => {
    const raw = {
      hosts: JSON.stringify(hosts),
      bootstrapMaster: "console",
      ssh: JSON.stringify({ user: "deploy", ...ssh }),
      ...secrets,
      ...more,
    };
    const { config, problems } = parseConfig("dev", raw, () => true);
    if (!config) throw new Error(JSON.stringify(problems));
    new ReplicationTopology("redis", {
      config: { ...config, secrets: secretOutputs(config.secrets) },
    });
  }, says);
}

describe("three hosts", () => {
  const hosts = ["app-1", "app-2", "console"];
  let graph: Map<string, Registered>;
  const before = (first: string, then: string) => {
    expect(graph.has(first)).toBe(true);
    expect(graph.has(then)).toBe(true);
    return precedes(graph, first, then);
  };

  beforeAll(async () => {
    graph = await graphOf(three);
  });

  it("has a node and a sentinel component per host below one topology", () => {
    expect(graph.get("redis")?.type).toBe("redis-cluster:index:ReplicationTopology");
    for (const host of hosts) {
      expect(graph.get(`${host}-node`)).toMatchObject({
        type: "redis-cluster:index:RedisNode",
        parent: "redis",
      });
      expect(graph.get(`${host}-sentinel`)).toMatchObject({
        type: "redis-cluster:index:RedisSentinel",
        parent: "redis",
      });
    }
  });

  it.each(hosts)("stops the sentinel of %s first and starts it last", (host) => {
    expect(graph.get(`${host}-node-roll`)?.inputs.create).toMatch(/ sentinel-stop node-roll$/);
    expect(before(`${host}-node-roll`, `${host}-sentinel-roll`)).toBe(true);
  });

  it("finishes with one host before the next, the bootstrap master last", () => {
    expect(before("app-1-sentinel-roll", "app-2-node-roll")).toBe(true);
    expect(before("app-2-sentinel-roll", "console-node-roll")).toBe(true);
  });

  it("asks all hosts at once whose turn was left because it was the master's, when all others are done", () => {
    for (const host of hosts) {
      expect(before("console-sentinel-roll", `${host}-node-roll-master`)).toBe(true);
      for (const other of hosts)
        expect(before(`${host}-node-roll-master`, `${other}-node-roll-master`)).toBe(false);
    }
  });

  it("proves every host before any node starts, and starts all nodes before any sentinel", () => {
    for (const one of hosts) {
      for (const other of hosts) {
        expect(before(`${one}-node-install`, "bootstrap")).toBe(true);
        expect(before(`${one}-sentinel-claim`, "bootstrap")).toBe(true);
        expect(before("bootstrap", `${other}-node-start`)).toBe(true);
        expect(before(`${one}-sentinel-claim`, "decommission")).toBe(true);
        expect(before("decommission", `${other}-node-start`)).toBe(true);
        expect(before(`${one}-node-start`, `${other}-sentinel-start`)).toBe(true);
        expect(before(`${one}-sentinel-start`, `${other}-node-roll`)).toBe(true);
      }
    }
  });

  it("starts nothing on a host before all of its files are staged", () => {
    for (const host of hosts) {
      for (const files of ["node-install", "sentinel-claim"])
        expect(before(`${host}-${files}`, `${host}-node-start`)).toBe(true);
      expect(graph.get(`${host}-node-start`)?.inputs.create).toMatch(
        / node-start redis-cluster\/dev$/,
      );
      expect(graph.get(`${host}-node-start`)?.inputs.stdin).toMatch(
        /\n==> secrets <==\n[^]*\n==> end <==\n$/,
      );
    }
  });

  it("writes to no host before every host was asked whose it is, in one login that writes nothing", () => {
    const commands = [...graph.values()].filter(({ type }) => type === "command:remote:Command");
    const checks = hosts.map((host) => `${host}-check`);
    for (const { name, inputs } of commands) {
      if (checks.includes(name)) {
        expect(inputs.create).toMatch(/ sh -s -- redis-cluster\/dev redis-dev-cluster$/);
        expect(inputs.stdin).toMatch(/^# program [0-9a-f]{64}\n(# repair \S+\n)?# check-owner /);
        continue;
      }
      for (const check of checks) expect(before(check, name)).toBe(true);
    }
    for (const host of hosts) {
      expect(graph.get(`${host}-sentinel-claim`)?.inputs.stdin).toMatch(
        /^owner redis-cluster\/dev\n==> sentinel.conf <==\n[^]*\n==> end <==\n/,
      );
      expect(graph.get(`${host}-node-install`)?.inputs.stdin).toMatch(
        /^owner redis-cluster\/dev\nmaster-name redis-dev-cluster\nnode-port[^]*\n==> redis.conf <==\n[^]*\n==> end <==\n/,
      );
    }
    for (const host of hosts)
      for (const check of checks) expect(before(check, `${host}-node-program`)).toBe(true);
    expect(commands).toHaveLength(hosts.length * 8);
  });

  it("sends command lines that any login shell takes for the same words", () => {
    const lines = [...graph.values()]
      .filter(({ type }) => type === "command:remote:Command")
      .flatMap(({ inputs }) => [inputs.create, inputs.update, inputs.delete])
      .filter((line) => line !== undefined);
    expect(lines.length).toBeGreaterThan(0);
    // csh has an end of line, a ! and a $ in quotes mean something, fish a backslash.
    for (const line of lines) expect(line).toMatch(/^sudo -n [\w./:=@%+ -]+$/);
  });

  it("has the sum of the host's program in the state, and not the program", () => {
    for (const host of hosts) {
      const { type, inputs } = graph.get(`${host}-node-program`)!;
      expect(type).toBe("pulumi-nodejs:dynamic/redis-cluster:Program");
      expect(inputs).toMatchObject({ hosts: [{ name: host }], program: programHash() });
    }
    expect(JSON.stringify([...graph.values()])).not.toContain("def check_programs");
    expect(JSON.stringify([...graph.values()].map(({ inputs }) => inputs)).length).toBeLessThan(
      2e5,
    );
  });

  it("prepares and stages all hosts at the same time", () => {
    expect(before("app-1-node-install", "app-2-node-install")).toBe(false);
    expect(before("app-1-sentinel-claim", "app-2-sentinel-claim")).toBe(false);
    expect(before("app-1-node-start", "app-2-node-start")).toBe(false);
  });

  it("takes every sentinel away before any node: their claims are made after all nodes' installs", () => {
    for (const one of hosts) {
      for (const other of hosts) {
        expect(before(`${one}-node-install`, `${other}-sentinel-claim`)).toBe(true);
      }
    }
  });

  it("notes what the group runs with once it is whole", () => {
    expect(before("sentinel-quorum", "change-classes")).toBe(true);
  });

  it("checks the quorum at the very end", () => {
    const others = [...graph.values()].filter(({ type }) => type === "command:remote:Command");
    for (const { name } of others) expect(before(name, "sentinel-quorum")).toBe(true);
  });

  it("lets a delete act on claims alone, and replaces nothing on a trigger", () => {
    const commands = [...graph.values()].filter(({ type }) => type === "command:remote:Command");
    const withDelete = commands.filter(({ inputs }) => "delete" in inputs).map(({ name }) => name);
    expect(withDelete.sort()).toEqual(
      hosts.flatMap((host) => [`${host}-node-install`, `${host}-sentinel-claim`]).sort(),
    );
    expect(commands.filter(({ inputs }) => "triggers" in inputs)).toEqual([]);
  });

  it("runs a step again when the step before it ran", () => {
    const stdin = (name: string) => graph.get(name)?.inputs.stdin;
    for (const host of hosts) {
      expect(graph.get("bootstrap")?.inputs.after).toContainEqual(idGiven(`${host}-node-program`));
      expect(stdin(`${host}-node-start`)).toMatch(
        /^bootstrap console\n(# .*\n)*# after 0123456789abcdef\n/,
      );
    }
    const after = (name: string) => `# after ${idGiven(name)}`;
    expect(stdin("app-1-node-start")).toContain(after("app-1-node-install"));
    expect(stdin("app-1-node-roll")).toContain(after("app-2-sentinel-start"));
    expect(stdin("app-1-sentinel-roll")).toContain(after("app-1-node-roll"));
    expect(stdin("app-2-node-roll")).toContain(after("app-1-sentinel-roll"));
    expect(graph.get("sentinel-quorum")?.inputs.rollout).toBe(
      hosts.map((host) => idGiven(`${host}-node-roll-master`)).join(" "),
    );
  });

  it("looks for drift before anything, and writes all files anew on a host that has drifted", () => {
    const files = [...graph.values()].filter(({ name }) =>
      /-(check|program|node-install|sentinel-claim)$/.test(name),
    );
    expect(files).toHaveLength(12);
    for (const { name, inputs } of files) {
      expect(before("host-drift", name)).toBe(true);
      const repair = inputs.repair ?? /# repair (.*)/.exec(String(inputs.stdin))?.[1] ?? "";
      expect(repair).toBe(name.startsWith("app-1-") ? "drifted" : "");
    }
  });

  it("keeps what is secret secret, and the rest readable", () => {
    const secretOf = (name: string) => graph.get(name)?.secretInputs ?? [];
    for (const host of hosts) {
      expect(secretOf(`${host}-node-start`)).toContain("stdin");
      for (const claim of ["node-install", "sentinel-claim"])
        expect(secretOf(`${host}-${claim}`)).not.toContain("stdin");
    }
    const plain = [...graph.values()].map(({ inputs, secretInputs }) =>
      JSON.stringify(Object.entries(inputs).filter(([key]) => !secretInputs.includes(key))),
    );
    for (const secret of Object.values(secrets)) expect(plain.join()).not.toContain(secret);
  });

  it("bounds every command, and shows of what they print only what each step has done", () => {
    const commands = [...graph.values()].filter(({ type }) => type === "command:remote:Command");
    const step = /-(node|sentinel)-(start|roll|roll-master)$/;
    for (const { name, inputs } of commands) {
      expect(inputs.create).toMatch(
        /^sudo -n (timeout -k 5 600?|\/usr\/local\/lib\/redis-cluster\/redis-cluster within \d+) /,
      );
      expect({ name, logging: inputs.logging }).toEqual({
        name,
        logging: step.test(name) ? "stdout" : "none",
      });
    }
  });
});

it("needs nothing but the host program as root where an administrator has installed it", async () => {
  const graph = await graphOf(three, { helper: true });
  const commands = [...graph.values()].filter(({ type }) => type === "command:remote:Command");
  expect(graph.has("app-1-node-program")).toBe(false);
  expect(graph.get("app-1-check")?.inputs.create).toMatch(
    / check-programs redis-cluster\/dev redis-dev-cluster$/,
  );
  expect(precedes(graph, "app-2-check", "app-1-node-install")).toBe(true);
  for (const { inputs } of commands)
    expect(inputs.create).toMatch(
      /^sudo -n \/usr\/local\/lib\/redis-cluster\/redis-cluster within \d+ /,
    );
});

it("passes on of what a host says its id alone", async () => {
  const forged = "took back # override 0123456789abcdef # plan 0123456789abcdef";
  const graph = await graphOf(three, {}, { "app-2-sentinel-start": `${forged} [0123abcd]` });
  const step = /-(start|roll|roll-master)$/;
  const headers = [...graph.values()].filter(({ name }) => step.test(name));
  expect(headers).toHaveLength(15);
  for (const { name, inputs } of headers) {
    const lines = String(inputs.stdin).split("\n==> ")[0].split("\n");
    const others = lines.filter((line) => !/^# after [0-9a-f]{8}$/.test(line));
    expect(others).toEqual([
      ...(name.endsWith("-node-start") ? ["bootstrap console", "# after 0123456789abcdef"] : []),
      expect.stringMatching(/^# plan [0-9a-f]{16}$/),
    ]);
  }
  expect(graph.get("app-1-node-roll")?.inputs.stdin).toContain("# after 0123abcd\n");
});

it("tells the hosts the consent of a stack that was renamed", async () => {
  const consent = "redis-cluster/old to redis-cluster/dev";
  const graph = await graphOf(three, {}, {}, { renamed: consent });
  expect(graph.get("app-1-check")?.inputs.create).toContain(` '${consent}'`);
  expect(graph.get("app-1-node-install")?.inputs.stdin).toContain(`\nrenamed ${consent}\n`);
});

it("migrates when the rollout is over, from the bootstrap master's host, and keeps the password secret", async () => {
  const migration = {
    migrateFrom: '{"address": "10.77.0.11", "user": "old"}',
    migratePassword: "of the old one",
    migrate: "cutover",
  };
  const graph = await graphOf(three, {}, {}, migration);
  const { inputs, secretInputs } = graph.get("migration")!;
  expect(precedes(graph, "sentinel-quorum", "migration")).toBe(true);
  expect(inputs).toMatchObject({ connection: { host: "10.77.0.11" }, logging: "stdout" });
  expect(inputs.create).toMatch(/ migrate cutover 10.77.0.11 6379$/);
  expect(inputs.delete).toMatch(/ migrate stop$/);
  expect(inputs.stdin).toMatch(
    /^user old\npassword of the old one\n(# after [0-9a-f]{8}\n){3}# plan [0-9a-f]{16}$/,
  );
  expect(secretInputs).toContain("stdin");
  expect(graph.get("sentinel-quorum")?.inputs.follows).toBe("10.77.0.11:6379");
  expect((await graphOf(three)).has("migration")).toBe(false);
});

it("gives a claim the secrets where a group is taken over, which is asked before anything starts", async () => {
  const graph = await graphOf(three, {}, {}, { adoptPassword: "before" });
  const claim = graph.get("app-1-node-install");
  expect(claim?.inputs.stdin).toContain("\n==> secrets <==\n");
  expect(claim?.secretInputs).toContain("stdin");
});

it("leaves hosts without a sentinel to their nodes, all at once after those that have one", async () => {
  const plain = { hostKey, sentinel: false };
  const graph = await graphOf({
    ...three,
    "app-3": { address: "10.77.0.14", ...plain },
    "app-4": { address: "10.77.0.15", ...plain },
  });
  expect(graph.has("app-3-sentinel")).toBe(false);
  expect(graph.get("app-3-node-roll")?.inputs.create).toMatch(/ \d+ node-roll$/);
  for (const host of ["app-3", "app-4"]) {
    expect(precedes(graph, "console-sentinel-roll", `${host}-node-roll`)).toBe(true);
    expect(precedes(graph, `${host}-node-roll`, "console-node-roll-master")).toBe(true);
  }
  expect(precedes(graph, "app-3-node-roll", "app-4-node-roll")).toBe(false);
});

it("has a host with a sentinel alone take its turn as others do, and wants no node there", async () => {
  const graph = await graphOf({
    ...three,
    "app-2": { address: "10.77.0.13", hostKey, node: false },
  });
  const claim = String(graph.get("app-2-node-install")?.inputs.stdin);
  expect(claim).not.toMatch(/node-port|==> (redis\.conf|users\.acl|redis-cluster\.service) <==/);
  expect(claim).toMatch(/\nself app-2\n[^]*\nsentinel app-2 10\.77\.0\.13 26389\n/);
  expect(String(graph.get("app-1-node-install")?.inputs.stdin)).not.toContain("node app-2 ");
  expect(graph.get("app-2-node-roll")?.inputs.create).toMatch(/ sentinel-stop node-roll$/);
  expect(precedes(graph, "app-2-sentinel-roll", "console-node-roll")).toBe(true);
  expect(graph.has("app-2-node-roll-master")).toBe(false);
  const { nodes, sentinels } = graph.get("sentinel-quorum")!.inputs as Record<string, object[]>;
  expect([nodes.length, sentinels.length]).toEqual([2, 3]);
  expect(graph.get("decommission")?.inputs).toMatchObject({ nodeless: ["app-2"] });
  expect(graph.get("host-drift")?.inputs.nodes).toContainEqual({
    ...{ name: "app-2", address: "10.77.0.13", port: 26389 },
  });
  expect(JSON.stringify(graph.get("change-classes")?.inputs.created)).not.toContain("app-2");
});

it("has nothing asked of a host that is gone, under the names of its claims, once it is known to be dead", async () => {
  const graph = await graphOf(three, {}, {}, { gone: '["app-9"]' });
  const of = [...graph.values()].filter(({ name }) => name.startsWith("app-9-"));
  expect(of.map(({ name, type, parent }) => `${parent} ${type} ${name}`).sort()).toEqual([
    "app-9-node command:remote:Command app-9-node-install",
    "app-9-sentinel command:remote:Command app-9-sentinel-claim",
    "redis redis-cluster:index:RedisNode app-9-node",
    "redis redis-cluster:index:RedisSentinel app-9-sentinel",
  ]);
  for (const name of ["app-9-node-install", "app-9-sentinel-claim"]) {
    const { inputs } = graph.get(name)!;
    expect(inputs).toMatchObject({ create: "true", connection: { host: "10.77.0.12" } });
    expect(Object.keys(inputs)).not.toContain("delete");
    expect(precedes(graph, "decommission", name)).toBe(true);
  }
});
