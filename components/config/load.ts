import * as pulumi from "@pulumi/pulumi";
import { agentFindings } from "./agent";
import { readBackup } from "./backup";
import { Checker } from "./checker";
import { readFirewall } from "./firewall";
import { readGone, readHosts } from "./hosts";
import { readInstance, refuseOtherSockets } from "./instance";
import { readLimits } from "./limits";
import { readMigration } from "./migration";
import { readPackageVersion } from "./packageVersion";
import { Problem, show } from "./problem";
import { passwordKey, previousKey, readSecrets } from "./secrets";
import { readSsh } from "./ssh";
import { readTls } from "./tls";
import { HostConfig, nodeHosts, ownUsers, Topology, TopologyConfig } from "./topology";
import { readUsers } from "./users";
import { ruleFindings } from "../directives/rules";

const namespace = "redis-cluster";
const otherKeys = [
  "hosts",
  "bootstrapMaster",
  "quorum",
  "masterName",
  "instance",
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
  "gone",
  "firewall",
  "packageVersion",
  "kernelSettings",
  "backup",
  "backupSecrets",
  "users",
  "sshPrivateKey",
  "adoptPassword",
  "migrateFrom",
  "migrate",
  "migratePassword",
];

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
  const one = (value?: string) => (value === undefined ? undefined : pulumi.secret(value));
  return {
    sshPrivateKey: one(secrets.sshPrivateKey),
    adoptPassword: one(secrets.adoptPassword),
    migratePassword: one(secrets.migratePassword),
    passwords: each(secrets.passwords),
    previousPasswords: each(secrets.previousPasswords),
    tlsKeys: each(secrets.tlsKeys),
    backupSecrets: each(secrets.backupSecrets),
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
  const users = readUsers(check);
  const names = [...users.map(({ name }) => name), ...ownUsers];
  const known = [...otherKeys, ...names.map(passwordKey)];
  for (const [key, value] of Object.entries(raw)) {
    // The schema gives the application's password an empty default, also where there is no such user.
    if (value !== "" && !known.includes(key) && !names.some((name) => key === previousKey(name))) {
      check.problem(key, "is unknown", `one of ${known.join(", ")}`);
    }
  }

  const ssh = readSsh(check);
  const overrides = {
    node: check.settings("node", check.optional("redis"), "redis"),
    sentinel: check.settings("sentinel", check.optional("sentinel"), "sentinel"),
  };
  const hosts = readHosts(check, overrides);
  const sentinels = hosts.filter((host) => host.sentinel).length;
  const together = ruleFindings(hosts);
  check.problems.push(...together.refused);

  const nodePort = check.port("nodePort", 6389);
  const sentinelPort = check.port("sentinelPort", 26389);
  if (nodePort === sentinelPort) {
    check.problem("sentinelPort", `is ${sentinelPort}, as nodePort`, "a port of its own");
  }
  const { tls, keys: tlsKeys } = readTls(check, hosts, [nodePort, sentinelPort], isSecret);
  if (tls && raw.adoptPassword) {
    check.problem(
      "tls.mode",
      `is ${tls.mode} while adoptPassword is set`,
      "off until the group is taken over",
    );
  }

  const instance = readInstance(check, raw.instance, Boolean(raw.adoptPassword));
  refuseOtherSockets(check, hosts, instance);

  const masterName = raw.masterName || `redis-${stack}-cluster`;
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(masterName)) {
    check.problem(
      "masterName",
      show(masterName),
      "letters, digits, dots, dashes and underscores, neither dot nor dash first",
    );
  }

  const { bootstrapMaster } = raw;
  const nodes = nodeHosts(hosts);
  if (hosts.length > 0 && !nodes.some((host) => host.name === bootstrapMaster)) {
    check.problem(
      "bootstrapMaster",
      show(bootstrapMaster),
      `the host that starts as master, one of ${nodes.map((host) => host.name).join(", ")}`,
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

  const limits = readLimits(check);

  const deleteData = check.flag(check.json("deleteData"), "deleteData");
  const kernelSettings = check.flag(check.json("kernelSettings"), "kernelSettings", true);

  const override = raw.override === "" ? undefined : raw.override;
  if (override !== undefined && !/^[0-9a-f]{16}$/.test(override)) {
    check.problem("override", show(override), "the 16 hex digits that the refused run printed");
  }

  const renamed = raw.renamed === "" ? undefined : raw.renamed;
  if (renamed !== undefined && !/^[\w.-]+(\/[\w.-]+)? to [\w.-]+\/[\w.-]+$/.test(renamed)) {
    check.problem("renamed", show(renamed), "what the refused run printed");
  }

  const packageVersion = readPackageVersion(check);
  const gone = readGone(check, hosts);
  const firewall = readFirewall(check);
  const { backup, backupSecrets } = readBackup(check, hosts, ssh?.helper ?? false, isSecret);
  const migration = readMigration(check, nodes, [nodePort, tls?.nodePort]);

  const secrets = readSecrets(check, stack, names, ssh?.agent ?? false, isSecret);

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
      instance,
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
      deleteData,
      override,
      renamed,
      gone,
      firewall,
      packageVersion,
      kernelSettings,
      backup,
      migration,
      users,
      adopt: secrets.adoptPassword !== undefined,
      secrets: { ...secrets, tlsKeys, backupSecrets },
    },
  };
}

function inOrder(hosts: HostConfig[], bootstrapMaster: string): HostConfig[] {
  const { compare } = new Intl.Collator("en", { numeric: true });
  const last = (host: HostConfig): number => (host.name === bootstrapMaster ? 1 : 0);
  return [...hosts].sort((a, b) => last(a) - last(b) || compare(a.name, b.name));
}
