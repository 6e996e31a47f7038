import * as pulumi from "@pulumi/pulumi";
import { isIPv4 } from "net";
import {
  certificatesPem,
  keyPem,
  readCertificates,
  readKey,
  unusableCertificate,
} from "./certificates";
import { agentFindings } from "./config/agent";
import { meant, PatternList, patternLists, unreadable } from "./config/patterns";
import { under } from "./config/path";
import { usableKey } from "./config/privateKey";
import { ruleFindings } from "./directives/rules";
import type { FoundBy } from "./gate";
import { Problem, show } from "./config/problem";
import { Daemon, Place, Settings } from "./directives/directive";
import { effectiveSettings, parseSettings } from "./settings";
import { quote } from "./shell";

export interface HostConfig {
  name: string;
  /** Private IPv4 address: announced to the group and to clients. */
  address: string;
  /** Where SSH reaches the host. */
  sshHost: string;
  /** The line `ssh-ed25519 AAAA...`. */
  hostKey: string;
  redis: Settings;
  /** Undefined: no sentinel here. */
  sentinel?: Settings;
}

export interface Bastion {
  host: string;
  port: number;
  user: string;
  hostKey: string;
}

/** A user of the nodes that the stack's applications log in as; on the sentinels it may ask for the master. */
export interface User {
  name: string;
  /** Patterns of the keys it may read and write. */
  keys: string[];
  /** Of those it may only read. */
  readKeys: string[];
  /** Of those it may only write. */
  writeKeys: string[];
  /** Patterns of the channels it may use. */
  channels: string[];
  /** ACL rules, `+get` or `-@dangerous`, in their order after `-@all`. */
  commands: string[];
}

/** TLS beside the plain ports (`both`), or alone (`required`): then the group's own traffic goes by it too. */
export interface Tls {
  mode: "both" | "required";
  nodePort: number;
  sentinelPort: number;
  /** Whether a client has to show a certificate too. */
  clientCertificates: "required" | "optional";
  /** Another number renews the certificates that this program made. */
  renew: number;
  /** The stack's own certificates, PEM; unset: the program makes an authority for this group alone. */
  own?: { authority: string; certificates: Record<string, string> };
}

/** How long the program waits, in seconds. */
export interface Limits {
  /** For what makes no progress any more: a load, a sync, a save. */
  stall: number;
  /** For one step on a host, progress or not. */
  step: number;
  /** For replicas to catch up while a handover holds writes up. */
  pause: number;
}

/** The users that every group has; their passwords go into files that Sentinel writes unquoted. */
export const ownUsers = ["replication", "sentinel", "operator", "monitoring"];

/** What a stack's configuration describes, checked, with `Secret` as the type of its secrets. */
interface Topology<Secret> {
  stack: string;
  masterName: string;
  bootstrapMaster: string;
  quorum: number;
  nodePort: number;
  sentinelPort: number;
  /** Undefined: no TLS. */
  tls?: Tls;
  /** In natural order of their names, the bootstrap master last. */
  hosts: HostConfig[];
  /** With `agent` the operator's SSH agent logs in (SSH_AUTH_SOCK), and there is no sshPrivateKey. */
  ssh: {
    user: string;
    port: number;
    agent: boolean;
    /** Whether an administrator installed the host program, the only one that the SSH user may run as root. */
    helper: boolean;
    bastion?: Bastion;
  };
  /** After how many seconds a stopped sentinel starts by itself, should the run that stopped it have died. */
  sentinelReturn: number;
  limits: Limits;
  deleteData: boolean;
  /** The plan that may be carried out in spite of what the gate found wrong, by its hash. */
  override?: string;
  /** What this stack's group was another's before, as "PROJECT/STACK to PROJECT/STACK". */
  renamed?: string;
  /** Undefined: everybody reaches the two ports, as far as other rules allow. */
  firewall?: { allow: string[] };
  users: User[];
  /** Whether what the old Ansible role deployed is taken over, and its clients are served as the user default. */
  adopt: boolean;
  secrets: {
    sshPrivateKey?: Secret;
    /** Of the clients of what the old Ansible role deployed. */
    adoptPassword?: Secret;
    /** By the user's name, as all of these. */
    passwords: Record<string, Secret>;
    /** Passwords that go on to be accepted while clients move to the new ones. */
    previousPasswords: Record<string, Secret>;
    /** Private keys of the stack's own certificates, by host. */
    tlsKeys: Record<string, Secret>;
  };
}

export type TopologyConfig = Topology<pulumi.Output<string>>;

const namespace = "redis-cluster";
const otherKeys = [
  "hosts",
  "bootstrapMaster",
  "quorum",
  "masterName",
  "nodePort",
  "sentinelPort",
  "tls",
  "tlsKeys",
  "redis",
  "sentinel",
  "ssh",
  "sentinelReturn",
  "limits",
  "deleteData",
  "override",
  "renamed",
  "firewall",
  "users",
  "sshPrivateKey",
  "adoptPassword",
];

/** What an application may do where the stack does not say otherwise: all but administration. */
export const applicationRights: Omit<User, "name"> = {
  keys: ["*"],
  readKeys: [],
  writeKeys: [],
  channels: ["*"],
  commands: ["+@all", "-@admin", "-@dangerous", "+info", "+role", "+sort", "+sort_ro"],
};

/**
 * The stack's configuration; the only reader of it.
 * Throws one error that lists everything wrong, before any resource exists.
 */
export function loadConfig(): TopologyConfig {
  const raw: Record<string, string> = {};
  for (const [key, value] of Object.entries(pulumi.runtime.allConfig())) {
    if (key.startsWith(`${namespace}:`)) {
      raw[key.slice(namespace.length + 1)] = value;
    }
  }
  const stack = pulumi.getStack();
  // The SDK exports this, but leaves it out of its types.
  const { isConfigSecret } = pulumi.runtime as unknown as {
    isConfigSecret: (key: string) => boolean;
  };
  const { config, problems, told } = parseConfig(stack, raw, (key) =>
    isConfigSecret(`${namespace}:${key}`),
  );
  const agent = agentFindings(
    config?.ssh.agent ?? false,
    config && process.env.SSH_AUTH_SOCK,
    pulumi.runtime.isDryRun(),
  );
  if (!config || agent.problems.length > 0) {
    throw new pulumi.RunError(report(stack, [...problems, ...agent.problems]));
  }
  const warnings = [...told.map(line), ...(agent.warning ? [agent.warning] : [])];
  for (const warning of warnings) void pulumi.log.warn(warning);
  return { ...config, secrets: secretOutputs(config.secrets) };
}

/** The same secrets as secret outputs. */
export function secretOutputs(secrets: Topology<string>["secrets"]): TopologyConfig["secrets"] {
  const each = (passwords: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(passwords).map(([name, value]) => [name, pulumi.secret(value)]),
    );
  return {
    sshPrivateKey:
      secrets.sshPrivateKey === undefined ? undefined : pulumi.secret(secrets.sshPrivateKey),
    adoptPassword:
      secrets.adoptPassword === undefined ? undefined : pulumi.secret(secrets.adoptPassword),
    passwords: each(secrets.passwords),
    previousPasswords: each(secrets.previousPasswords),
    tlsKeys: each(secrets.tlsKeys),
  };
}

/** The ports that the group itself uses, and that its sentinels tell to clients. */
export function groupPorts({
  tls,
  nodePort,
  sentinelPort,
}: Pick<TopologyConfig, "tls" | "nodePort" | "sentinelPort">): { node: number; sentinel: number } {
  return tls?.mode === "required"
    ? { node: tls.nodePort, sentinel: tls.sentinelPort }
    : { node: nodePort, sentinel: sentinelPort };
}

/** By what members and clients find the group, by the key of the configuration: it stays while the group runs. */
export function foundBy({
  masterName,
  nodePort,
  sentinelPort,
  tls,
}: Pick<TopologyConfig, "masterName" | "tls" | "nodePort" | "sentinelPort">): FoundBy {
  return {
    masterName,
    nodePort: String(nodePort),
    sentinelPort: String(sentinelPort),
    ...(tls && {
      "tls.nodePort": String(tls.nodePort),
      "tls.sentinelPort": String(tls.sentinelPort),
    }),
  };
}

// A key can be anything that somebody typed.
const line = ({ key, seen, expected }: Problem): string =>
  `${namespace}:${key} ${seen}; expected ${expected}`.replace(/\p{Cc}+/gu, " ");

/** The problems as one message, one line each. */
export function report(stack: string, problems: Problem[]): string {
  const lines = problems.map((problem) => `  ${line(problem)}`);
  const count = problems.length === 1 ? "1 error" : `${problems.length} errors`;
  return `The configuration of stack ${stack} has ${count}; no host was touched.\n${lines.join("\n")}`;
}

/**
 * Checks a stack's configuration.
 * raw: the keys without their namespace and the values as Pulumi keeps them (maps and lists as JSON).
 * isSecret: whether a key was set with --secret.
 * Returns the configuration, or everything that is wrong with it; and what is told of it.
 */
export function parseConfig(
  stack: string,
  raw: Record<string, string>,
  isSecret: (key: string) => boolean,
): { config?: Topology<string>; problems: Problem[]; told: Problem[] } {
  const check = new Checker(raw);
  const users = check.users();
  const names = [...users.map(({ name }) => name), ...ownUsers];
  const known = [...otherKeys, ...names.map(passwordKey)];
  for (const [key, value] of Object.entries(raw)) {
    // The schema gives the application's password an empty default, also where there is no such user.
    if (value !== "" && !known.includes(key) && !names.some((name) => key === previousKey(name))) {
      check.problem(key, "is unknown", `one of ${known.join(", ")}`);
    }
  }

  const ssh = check.ssh();
  const overrides = {
    node: check.settings("node", raw.redis === undefined ? {} : check.json("redis"), "redis"),
    sentinel: check.settings(
      "sentinel",
      raw.sentinel === undefined ? {} : check.json("sentinel"),
      "sentinel",
    ),
  };
  const hosts = check.hosts(overrides);
  const sentinels = hosts.filter((host) => host.sentinel).length;
  const together = ruleFindings(hosts);
  check.problems.push(...together.refused);

  const nodePort = check.port("nodePort", 6389);
  const sentinelPort = check.port("sentinelPort", 26389);
  if (nodePort === sentinelPort) {
    check.problem("sentinelPort", `is ${sentinelPort}, as nodePort`, "a port of its own");
  }
  const { tls, keys: tlsKeys } = check.tls(hosts, [nodePort, sentinelPort], isSecret);
  if (tls && raw.adoptPassword) {
    check.problem(
      "tls.mode",
      `is ${tls.mode} while adoptPassword is set`,
      "off until the group is taken over",
    );
  }

  const masterName = raw.masterName || `redis-${stack}-cluster`;
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(masterName)) {
    check.problem(
      "masterName",
      show(masterName),
      "letters, digits, dots, dashes and underscores, neither dot nor dash first",
    );
  }

  const { bootstrapMaster } = raw;
  if (hosts.length > 0 && !hosts.some((host) => host.name === bootstrapMaster)) {
    check.problem(
      "bootstrapMaster",
      show(bootstrapMaster),
      `the host that starts as master, one of ${hosts.map((host) => host.name).join(", ")}`,
    );
  }

  const majority = Math.floor(sentinels / 2) + 1;
  if (hosts.length > 0 && (sentinels < 3 || sentinels % 2 === 0)) {
    check.problem("hosts", `have ${sentinels} sentinels`, "an odd number of sentinels, at least 3");
  }
  const asked = check.integer("quorum", 0) ?? 0;
  const quorum = asked === 0 ? majority : asked;
  if (hosts.length > 0 && (quorum < majority || quorum > sentinels)) {
    check.problem(
      "quorum",
      `is ${quorum}`,
      `from ${majority} to ${sentinels}: at least a majority of the sentinels, at most all`,
    );
  }

  const sentinelReturn = check.integer("sentinelReturn", 120);
  if (sentinelReturn !== undefined && (sentinelReturn < 10 || sentinelReturn > 900)) {
    check.problem(
      "sentinelReturn",
      `is ${sentinelReturn}`,
      "from 10 to 900 seconds: longer than a node takes to restart, at most as long as the shortest limits.step",
    );
  }

  const limits = check.limits();

  const deleteData = raw.deleteData ?? "false";
  if (deleteData !== "true" && deleteData !== "false") {
    check.problem("deleteData", show(deleteData), "true or false");
  }

  const override = raw.override === "" ? undefined : raw.override;
  if (override !== undefined && !/^[0-9a-f]{16}$/.test(override)) {
    check.problem("override", show(override), "the 16 hex digits that the refused run printed");
  }

  const renamed = raw.renamed === "" ? undefined : raw.renamed;
  if (renamed !== undefined && !/^[\w.-]+(\/[\w.-]+)? to [\w.-]+\/[\w.-]+$/.test(renamed)) {
    check.problem("renamed", show(renamed), "what the refused run printed");
  }

  const firewall = check.firewall();

  const secrets = check.secrets(stack, names, ssh?.agent ?? false, isSecret);

  if (
    check.problems.length > 0 ||
    !ssh ||
    nodePort === undefined ||
    sentinelPort === undefined ||
    sentinelReturn === undefined
  ) {
    return { problems: check.problems, told: together.told };
  }
  return {
    problems: [],
    told: together.told,
    config: {
      stack,
      masterName,
      bootstrapMaster,
      quorum,
      nodePort,
      sentinelPort,
      tls,
      hosts: inOrder(hosts, bootstrapMaster),
      ssh,
      sentinelReturn,
      limits,
      deleteData: deleteData === "true",
      override,
      renamed,
      firewall,
      users,
      adopt: secrets.adoptPassword !== undefined,
      secrets: { ...secrets, tlsKeys },
    },
  };
}

function inOrder(hosts: HostConfig[], bootstrapMaster: string): HostConfig[] {
  const { compare } = new Intl.Collator("en", { numeric: true });
  const last = (host: HostConfig): number => (host.name === bootstrapMaster ? 1 : 0);
  return [...hosts].sort((a, b) => last(a) - last(b) || compare(a.name, b.name));
}

/** The key of a user's password: `applicationPassword`. */
const passwordKey = (user: string): string => `${user}Password`;

/** The key of the password before it: `applicationPreviousPassword`. */
const previousKey = (user: string): string => `${user}PreviousPassword`;

type Fields = Record<string, unknown>;

const isMap = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const hostKeyLine = /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}( [^\n]*)?$/;

/** Reads one part of the configuration after the other and collects what is wrong. */
class Checker {
  readonly problems: Problem[] = [];

  constructor(private readonly raw: Record<string, string>) {}

  problem(key: string, seen: string, expected: string): void {
    this.problems.push({ key, seen, expected });
  }

  json(key: string): unknown {
    try {
      return JSON.parse(this.raw[key]) as unknown;
    } catch {
      return this.raw[key];
    }
  }

  integer(key: string, preset: number): number | undefined {
    const text = this.raw[key] ?? String(preset);
    if (/^\d{1,9}$/.test(text)) {
      return Number(text);
    }
    this.problem(key, show(text), "an integer");
    return undefined;
  }

  port(key: string, preset: number): number | undefined {
    return this.freePort(key, this.integer(key, preset));
  }

  freePort(key: string, port: number | undefined): number | undefined {
    if (port !== undefined && (port < 1024 || port > 65535 || port === 6379)) {
      this.problem(
        key,
        `is ${port}`,
        "a port from 1024 to 65535, and not 6379: that is the distribution's own Redis",
      );
    }
    return port;
  }

  settings(daemon: Daemon, overrides: unknown, key: string): Settings {
    const { settings, problems } = parseSettings(daemon, overrides, key);
    this.problems.push(...problems);
    return settings;
  }

  /** The fields of a map, each of a known name; undefined when it is no map. */
  fields(value: unknown, key: string, names: string[]): Fields | undefined {
    if (!isMap(value)) {
      this.problem(key, show(value), `a map with ${names.join(", ")}`);
      return undefined;
    }
    for (const name of Object.keys(value)) {
      if (!names.includes(name)) {
        this.problem(under(key, name), "is unknown", `one of ${names.join(", ")}`);
      }
    }
    return value;
  }

  text(value: unknown, key: string, pattern: RegExp, expected: string): string {
    if (typeof value === "string" && pattern.test(value)) {
      return value;
    }
    this.problem(key, show(value), expected);
    return "";
  }

  machine(value: unknown, key: string): string {
    return this.text(
      value,
      key,
      /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/,
      "a host name or an IPv4 address",
    );
  }

  user(value: unknown, key: string): string {
    return this.text(value, key, /^[a-z_][a-z0-9_.-]{0,31}$/, "the name of a user");
  }

  sshPort(value: unknown, key: string): number {
    const port = value ?? 22;
    if (typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65535) {
      return port;
    }
    this.problem(key, show(value), "a port from 1 to 65535");
    return 0;
  }

  hostKey(value: unknown, key: string, host: string): string {
    return this.text(
      value,
      key,
      hostKeyLine,
      `"ssh-ed25519 AAAA...", as "ssh-keyscan -t ed25519 ${host} | cut -d' ' -f2-" prints it (compare it on the host)`,
    );
  }

  /**
   * hosts: those that need a certificate where the stack brings its own.
   * taken: ports that are not free for TLS.
   */
  tls(
    hosts: HostConfig[],
    taken: (number | undefined)[],
    isSecret: (key: string) => boolean,
  ): { tls?: Tls; keys: Record<string, string> } {
    const none = { keys: {} };
    const names = [
      ...["mode", "nodePort", "sentinelPort", "clientCertificates"],
      ...["renew", "authority", "certificates"],
    ];
    const fields = this.fields(this.raw.tls === undefined ? {} : this.json("tls"), "tls", names);
    const { mode = "off", clientCertificates = "required" } = fields ?? {};
    if (!fields || mode === "off") {
      return none;
    }
    if (mode !== "both" && mode !== "required") {
      this.problem("tls.mode", show(mode), "one of off, both, required");
      return none;
    }
    if (clientCertificates !== "required" && clientCertificates !== "optional") {
      this.problem("tls.clientCertificates", show(clientCertificates), "required or optional");
      return none;
    }
    const number = (name: string, preset: number): number | undefined => {
      const value = fields[name] ?? preset;
      if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
      this.problem(`tls.${name}`, show(value), "an integer");
      return undefined;
    };
    const ports = (["nodePort", "sentinelPort"] as const).map((name) => {
      const preset = name === "nodePort" ? 6390 : 26390;
      const port = this.freePort(`tls.${name}`, number(name, preset));
      if (port !== undefined && taken.includes(port)) {
        this.problem(`tls.${name}`, `is ${port}, which is another port's`, "a port of its own");
      }
      taken = [...taken, port];
      return port;
    });
    const [nodePort, sentinelPort, renew] = [...ports, number("renew", 0)];
    const own = this.ownCertificates(fields, hosts, isSecret);
    if (nodePort === undefined || sentinelPort === undefined || renew === undefined || !own) {
      return none;
    }
    return {
      tls: { mode, nodePort, sentinelPort, clientCertificates, renew, own: own.certificates },
      keys: own.keys,
    };
  }

  /** Without certificates where the stack has none; undefined where those that it has will not do. */
  ownCertificates(
    fields: Fields,
    hosts: HostConfig[],
    isSecret: (key: string) => boolean,
  ): { certificates?: Tls["own"]; keys: Record<string, string> } | undefined {
    const given = [fields.authority, fields.certificates, this.raw.tlsKeys];
    if (given.every((each) => each === undefined || each === "{}")) {
      return { keys: {} };
    }
    const known = this.problems.length;
    const text = (value: unknown): string => (typeof value === "string" ? value : "");
    const authorities = readCertificates(text(fields.authority));
    if (!authorities) {
      this.problem("tls.authority", "holds no certificate", "the authority's certificate, PEM");
    }
    const names = hosts.map(({ name }) => name);
    const certificates = this.fields(fields.certificates ?? {}, "tls.certificates", names) ?? {};
    // What was set in plain text is not quoted.
    const plain = this.raw.tlsKeys !== undefined && !isSecret("tlsKeys");
    if (plain) {
      this.problem("tlsKeys", "is in plain text", "secrets; make new keys and set them --secret");
    }
    const keys = plain || !isMap(this.json("tlsKeys")) ? {} : (this.json("tlsKeys") as Fields);
    const each = hosts.map(({ name, address }) => {
      const chain = readCertificates(text(certificates[name]));
      const key = readKey(text(keys[name]));
      const [certificatePath, keyPath] = [under("tls.certificates", name), under("tlsKeys", name)];
      if (!key) {
        this.problem(
          keyPath,
          "is no private key",
          `the key of ${certificatePath}, PEM, without a passphrase; set it: pulumi config set --secret --path ${quote(keyPath)} < ${name}.key`,
        );
      }
      const fault = chain
        ? key && !chain[0].checkPrivateKey(key)
          ? `is not of ${keyPath}`
          : unusableCertificate(chain, authorities ?? [], address)
        : "holds no certificate";
      if (fault && (authorities ?? !chain)) {
        this.problem(
          certificatePath,
          fault,
          `a certificate of tls.authority for ${address}, serverAuth and clientAuth, PEM`,
        );
      }
      return { name, certificate: certificatesPem(chain ?? []), key: key ? keyPem(key) : "" };
    });
    if (this.problems.length > known) {
      return undefined;
    }
    return {
      certificates: {
        authority: certificatesPem(authorities ?? []),
        certificates: Object.fromEntries(each.map(({ name, certificate }) => [name, certificate])),
      },
      keys: Object.fromEntries(each.map(({ name, key }) => [name, key])),
    };
  }

  ssh(): TopologyConfig["ssh"] | undefined {
    const ssh = this.fields(this.json("ssh"), "ssh", [
      "user",
      "port",
      "agent",
      "helper",
      "bastion",
    ]);
    if (!ssh) {
      return undefined;
    }
    const user = this.user(ssh.user, "ssh.user");
    const port = this.sshPort(ssh.port, "ssh.port");
    const agent = this.flag(ssh.agent, "ssh.agent");
    const helper = this.flag(ssh.helper, "ssh.helper");
    if (ssh.bastion === undefined) {
      return { user, port, agent, helper };
    }
    const bastion = this.fields(ssh.bastion, "ssh.bastion", ["host", "port", "user", "hostKey"]);
    if (!bastion) {
      return undefined;
    }
    const host = this.machine(bastion.host, "ssh.bastion.host");
    return {
      user,
      port,
      agent,
      helper,
      bastion: {
        host,
        port: this.sshPort(bastion.port, "ssh.bastion.port"),
        user: this.user(bastion.user ?? ssh.user, "ssh.bastion.user"),
        hostKey: this.hostKey(bastion.hostKey, "ssh.bastion.hostKey", host),
      },
    };
  }

  flag(value: unknown, key: string): boolean {
    if (value === undefined || typeof value === "boolean") return value ?? false;
    this.problem(key, show(value), "true or false");
    return false;
  }

  hosts(groupWide: Record<Daemon, Settings>): HostConfig[] {
    const value = this.json("hosts");
    if (!isMap(value) || Object.keys(value).length === 0) {
      this.problem(
        "hosts",
        show(value),
        "a map of at least three hosts, name to address and the rest",
      );
      return [];
    }
    const count = Object.keys(value).length;
    const places = new Map<string, string>();
    const sentinels = Object.values(value).filter(
      (host) => !isMap(host) || host.sentinel !== false,
    );
    // So many hosts are left beside a master when the others have no majority of the sentinels.
    const least = count - (Math.floor(sentinels.length / 2) + 1);
    const hosts = Object.entries(value).map(([name, host]) =>
      this.host(name, host, groupWide, String(least)),
    );
    for (const host of hosts) {
      for (const place of new Set([host.address, host.sshHost])) {
        const other = places.get(place);
        if (other !== undefined && place !== "") {
          this.problem(
            under("hosts", host.name),
            `is at ${place}, as ${other}`,
            "a host of its own",
          );
        }
        places.set(place, host.name);
      }
      const replicas = Number(host.redis["min-replicas-to-write"]);
      if (replicas < least || replicas >= count) {
        this.problem(
          `${under("hosts", host.name)}.redis.min-replicas-to-write`,
          `is ${replicas}`,
          replicas < least
            ? `at least ${least}: a master cut off with fewer replicas would go on acknowledging what is thrown away once the other side, with a majority of the sentinels, has promoted another`
            : `at most ${count - 1}: a master of ${count} hosts has no more replicas, and would refuse every write`,
        );
      }
    }
    if (hosts.filter((host) => host.redis["replica-priority"] !== "0").length < 2) {
      this.problem("redis.replica-priority", "is 0", "at least two hosts that may become master");
    }
    return hosts;
  }

  host(
    name: string,
    value: unknown,
    groupWide: Record<Daemon, Settings>,
    leastReplicas: string,
  ): HostConfig {
    const key = under("hosts", name);
    const names = ["address", "sshHost", "hostKey", "redis", "sentinel"];
    const fields = this.fields(value, key, names) ?? {};
    this.text(
      name,
      key,
      /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
      "a name of lower-case letters, digits, dots and dashes",
    );
    const address = this.address(fields.address, `${key}.address`);
    const sshHost =
      fields.sshHost === undefined ? address : this.machine(fields.sshHost, `${key}.sshHost`);
    for (const text of [name, sshHost]) {
      if (text.includes("backend-bastion")) {
        this.problem(key, show(text), "a member: a bastion never is one (see ssh.bastion)");
      }
    }
    const sentinel = fields.sentinel === true ? {} : (fields.sentinel ?? {});
    const place = { address, leastReplicas };
    const redis = this.effective("node", place, fields.redis ?? {}, `${key}.redis`, groupWide);
    return {
      name,
      address,
      sshHost,
      hostKey: this.hostKey(fields.hostKey, `${key}.hostKey`, sshHost || name),
      redis,
      ...(sentinel !== false && {
        sentinel: this.effective("sentinel", place, sentinel, `${key}.sentinel`, groupWide),
      }),
    };
  }

  effective(
    daemon: Daemon,
    place: Place,
    overrides: unknown,
    key: string,
    groupWide: Record<Daemon, Settings>,
  ): Settings {
    const own = this.settings(daemon, overrides, key);
    const { address } = place;
    const settings = effectiveSettings(daemon, place, { ...groupWide[daemon], ...own });
    const listens = settings.bind.split(" ");
    if (
      address &&
      !listens.includes("0.0.0.0") &&
      ![address, "127.0.0.1"].every((one) => listens.includes(one))
    ) {
      this.problem(`${key}.bind`, show(settings.bind), `0.0.0.0, or both ${address} and 127.0.0.1`);
    }
    return settings;
  }

  address(value: unknown, key: string): string {
    const [first] = typeof value === "string" && isIPv4(value) ? value.split(".").map(Number) : [0];
    // 0 is "this host", 127 loopback, 224 and above multicast and reserved.
    if (typeof value === "string" && first !== 0 && first !== 127 && first < 224) {
      return value;
    }
    this.problem(key, show(value), "the host's own IPv4 address, as the other hosts reach it");
    return "";
  }

  limits(): Limits {
    const ranges = { stall: [60, 10, 3600], step: [3600, 900, 86400], pause: [10, 1, 60] };
    const value = this.raw.limits === undefined ? {} : this.json("limits");
    const fields = this.fields(value, "limits", Object.keys(ranges)) ?? {};
    const limit = (name: keyof typeof ranges): number => {
      const [preset, least, most] = ranges[name];
      const text = JSON.stringify(fields[name] ?? preset);
      const seconds = /^"?\d{1,5}"?$/.test(text) ? Number(JSON.parse(text)) : 0;
      if (seconds < least || seconds > most) {
        this.problem(`limits.${name}`, show(fields[name]), `from ${least} to ${most} seconds`);
      }
      return seconds;
    };
    return { stall: limit("stall"), step: limit("step"), pause: limit("pause") };
  }

  firewall(): TopologyConfig["firewall"] {
    const value = this.raw.firewall === undefined ? {} : this.json("firewall");
    if (isMap(value) && Object.keys(value).length === 0) {
      return undefined;
    }
    const network = /^(\d{1,3}\.){3}\d{1,3}(\/(\d|[12]\d|3[0-2]))?$/;
    const allow = this.list(
      this.fields(value, "firewall", ["allow"])?.allow,
      "firewall.allow",
      [],
      network,
      'a list of IPv4 networks as "10.78.0.0/16"',
    );
    for (const each of allow.filter((one) => !isIPv4(one.split("/")[0]))) {
      this.problem("firewall.allow", `has ${each}`, "IPv4 networks");
    }
    return { allow };
  }

  users(): User[] {
    const given = this.raw.users === undefined ? {} : this.json("users");
    const value = isMap(given) && Object.keys(given).length === 0 ? { application: {} } : given;
    if (!isMap(value)) {
      this.problem("users", show(value), "a map of the applications' users, name to rights");
      return [];
    }
    return Object.entries(value).map(([name, rights]) => {
      const key = under("users", name);
      this.text(
        name,
        key,
        /^[a-z][a-z0-9_-]{0,31}$/,
        "a name of lower-case letters, digits, _ and -",
      );
      if ([...ownUsers, "default"].includes(name)) {
        this.problem(key, "is a user of the group's own", "another name");
      }
      const fields = this.fields(rights, key, [...patternLists, "commands"]) ?? {};
      const ofKeys = ["keys", "readKeys", "writeKeys"] as const;
      // A list that is given says all that there is.
      const someKeys = ofKeys.some((list) => fields[list] !== undefined);
      const keys = ofKeys.map((list) =>
        this.patterns(fields, key, list, someKeys ? [] : applicationRights[list]),
      );
      const channels = this.patterns(fields, key, "channels", applicationRights.channels);
      // Redis refuses a pattern after the one that is all.
      for (const [list, all, others] of [
        ["keys", keys[0], keys.flat()],
        ["channels", channels, channels],
      ] as const) {
        if (all.includes("*") && others.length > 1) {
          this.problem(`${key}.${list}`, 'has "*" beside others', `"*" alone: it is all ${list}`);
        }
      }
      return {
        name,
        keys: keys[0],
        readKeys: keys[1],
        writeKeys: keys[2],
        channels,
        commands: this.list(
          fields.commands,
          `${key}.commands`,
          applicationRights.commands,
          /^[+-]@?[a-z0-9_|-]+$/,
          'a list of rules as "+get", "+@read" or "-@dangerous"',
        ),
      };
    });
  }

  patterns(fields: Fields, user: string, list: PatternList, preset: string[]): string[] {
    const key = `${user}.${list}`;
    const expected = "a list of patterns without quotes and backslashes";
    const given = this.list(fields[list], key, preset, /[^]/, expected);
    for (const text of given) {
      const instead = meant(user, text);
      if (instead) {
        this.problem(key, `has ${JSON.stringify(text)}`, instead);
      } else if (unreadable.test(text)) {
        this.problem(key, show(given), expected);
      }
    }
    return given;
  }

  list(value: unknown, key: string, preset: string[], each: RegExp, expected: string): string[] {
    if (value === undefined) {
      return preset;
    }
    const fits = (one: unknown): one is string => typeof one === "string" && each.test(one);
    if (Array.isArray(value) && value.every(fits)) {
      return value;
    }
    this.problem(key, show(value), expected);
    return [];
  }

  secrets(
    stack: string,
    names: string[],
    agent: boolean,
    isSecret: (key: string) => boolean,
  ): Omit<Topology<string>["secrets"], "tlsKeys"> {
    const command = (key: string) => `pulumi config set --stack ${stack} --secret ${key}`;
    const sshPrivateKey = agent
      ? undefined
      : this.sshPrivateKey(command("sshPrivateKey"), isSecret);
    if (agent && this.raw.sshPrivateKey) {
      this.problem("sshPrivateKey", "is set", "none where ssh.agent is true");
    }
    const password = (name: string, key: string): string => {
      const set = `openssl rand -hex 32 | ${command(key)}`;
      const value = this.secret(key, set, isSecret);
      if (!value) {
        return "";
      }
      if (ownUsers.includes(name)) {
        // Redis writes these into files of its own, partly without quotes.
        if (!/^[A-Za-z0-9_-]{32,512}$/.test(value)) {
          this.problem(key, "is unfit", `32 to 512 of A-Z a-z 0-9 _ -; set it: ${set}`);
        }
      } else if (!/^\P{Cc}{1,512}$/u.test(value)) {
        // Old applications keep the password they have.
        this.problem(
          key,
          "is unfit",
          `1 to 512 characters and no control character; set it: ${set}`,
        );
      }
      return value;
    };
    const passwords = names.map((name) => [name, password(name, passwordKey(name))]);
    const previousPasswords = names
      .filter((name) => this.raw[previousKey(name)])
      .map((name) => [name, password(name, previousKey(name))]);
    for (const [name, value] of previousPasswords) {
      if (value !== "" && value === this.raw[passwordKey(name)]) {
        this.problem(
          previousKey(name),
          `is what ${passwordKey(name)} is`,
          "the password before it, or none",
        );
      }
    }
    const adoptPassword = this.raw.adoptPassword
      ? this.secret("adoptPassword", command("adoptPassword"), isSecret)
      : undefined;
    if (adoptPassword && !/^[!-~]{1,512}$/.test(adoptPassword)) {
      this.problem(
        "adoptPassword",
        "is unfit",
        `1 to 512 visible ASCII characters, the password of the old group's clients; set it: ${command("adoptPassword")}`,
      );
    }
    return {
      sshPrivateKey,
      adoptPassword,
      passwords: Object.fromEntries(passwords) as Record<string, string>,
      previousPasswords: Object.fromEntries(previousPasswords) as Record<string, string>,
    };
  }

  sshPrivateKey(command: string, isSecret: (key: string) => boolean): string {
    const set = `${command} < ~/.ssh/id_ed25519`;
    const value = this.secret("sshPrivateKey", `${set}, or set ssh.agent: true`, isSecret);
    const usable = value ? usableKey(value) : { key: "" };
    if ("key" in usable) return usable.key;
    const { reason, expected } = usable;
    this.problem("sshPrivateKey", `is no usable key (${reason})`, `${expected}; set it: ${set}`);
    return "";
  }

  secret(key: string, set: string, isSecret: (key: string) => boolean): string {
    const value = this.raw[key] ?? "";
    if (!value) {
      this.problem(key, "is missing", `a secret; set it: ${set}`);
    } else if (!isSecret(key)) {
      this.problem(key, "is in plain text", `a secret; make a new one and set it: ${set}`);
      return "";
    }
    return value;
  }
}
