import * as pulumi from "@pulumi/pulumi";
import { createHash } from "crypto";
import { readFileSync } from "fs";
import Mustache from "mustache";
import { join } from "path";
import {
  applicationRights,
  groupPorts,
  HostConfig,
  nodeHosts,
  Tls,
  TopologyConfig,
  User,
} from "../config/topology";
import { PatternList, signs } from "../config/patterns";
import type { Daemon, Directive, Settings } from "../directives/directive";
import { directives } from "../directives/settings";
import { namesOf } from "../names";
import { templates } from "../project";

/** The part of the configuration that ends up in files; none of it is secret. */
export type Config = Omit<TopologyConfig, "secrets">;

/** A node's settings, without role, users and passwords. Throws where the host has no node. */
export function renderRedisConf(config: Config, host: HostConfig): string {
  if (!host.redis) {
    throw new Error(`${host.name} has no node`);
  }
  return render("redis.conf", {
    ...namesOf(config.instance),
    port: config.nodePort,
    tls: config.tls ? [tlsLines(config.tls, config.nodePort, config.tls.nodePort)] : [],
    address: host.address,
    settings: lines("node", host.redis, config.masterName),
  });
}

/** A sentinel's settings, without the master's address, users and passwords. Throws where the host has no sentinel. */
export function renderSentinelConf(config: Config, host: HostConfig): string {
  if (!host.sentinel) {
    throw new Error(`${host.name} has no sentinel`);
  }
  return render("sentinel.conf", {
    ...namesOf(config.instance),
    port: config.sentinelPort,
    tls: config.tls ? [tlsLines(config.tls, config.sentinelPort, config.tls.sentinelPort)] : [],
    address: host.address,
    settings: lines("sentinel", host.sentinel, config.masterName),
  });
}

const tlsLines = (tls: Tls, plainPort: number, tlsPort: number) => ({
  plainPort: tls.mode === "required" ? 0 : plainPort,
  tlsPort,
  clients: tls.clientCertificates === "required" ? "yes" : "optional",
  replication: tls.mode === "required" ? "yes" : "no",
});

/** The group as the host program of one host sees it. */
export function renderMembers(config: Config, host: HostConfig): string {
  const ports = groupPorts(config);
  const at = (port: number) => (member: HostConfig) => ({
    name: member.name,
    address: member.address,
    port,
  });
  return render("members", {
    masterName: config.masterName,
    quorum: config.quorum,
    self: host.name,
    sentinelReturn: config.sentinelReturn,
    stall: config.limits.stall,
    pause: config.limits.pause,
    packageVersion: config.packageVersion ? [config.packageVersion] : [],
    plainPorts:
      config.tls?.mode === "required"
        ? [{ node: config.nodePort, sentinel: config.sentinelPort }]
        : [],
    nodes: nodeHosts(config.hosts).map(at(ports.node)),
    sentinels: config.hosts.filter(({ sentinel }) => sentinel).map(at(ports.sentinel)),
  });
}

/** Of which group a unit is. */
type Named = Pick<Config, "masterName" | "instance">;

/** The systemd unit of a node. */
export function renderNodeUnit({ masterName, instance }: Named): string {
  return render("redis-cluster.service", { masterName, ...namesOf(instance) });
}

/** The systemd unit of a sentinel. */
export function renderSentinelUnit({ masterName, instance }: Named): string {
  return render("redis-sentinel.service", { masterName, ...namesOf(instance) });
}

/** Who reaches the ports of a host's daemons; a comment alone where the stack has no firewall. */
export function renderFirewall(config: Config): string {
  const { instance, firewall, hosts, nodePort, sentinelPort, tls } = config;
  return render("firewall.nft", {
    ...namesOf(instance),
    firewall: firewall ? [{ allow: firewall.allow }] : [],
    members: hosts.map(({ address }) => address),
    ports: [nodePort, sentinelPort, ...(tls ? [tls.nodePort, tls.sentinelPort] : [])].join(", "),
  });
}

/** The systemd unit that puts the firewall's rules in force. */
export function renderFirewallUnit({ masterName, instance }: Named): string {
  return render("redis-cluster-firewall.service", { masterName, ...namesOf(instance) });
}

/** The systemd unit that sets what Redis asks of the kernel; a comment alone where the stack does not want that. */
export function renderKernelUnit({
  masterName,
  instance,
  kernelSettings,
}: Named & Pick<Config, "kernelSettings">): string {
  return render("redis-cluster-kernel.service", {
    ...{ masterName, kernelSettings },
    ...namesOf(instance),
  });
}

/** The units that save the data on a host and when they do; a comment alone where that host does not save. */
export function renderBackupUnits(
  { masterName, instance, backup }: Named & Pick<Config, "backup">,
  host: string,
): { service: string; timer: string } {
  const { repository } = backup ?? {};
  const here = backup?.hosts.includes(host)
    ? [
        {
          ...backup,
          only: backup.hosts.length === 1 ? " alone" : "",
          helper: false,
          drill: backup.drill ? [backup.drill] : [],
          second: repository ? [repository] : [],
          directory: repository?.startsWith("/") ? [repository] : [],
        },
      ]
    : [];
  return backupUnits({ masterName, instance }, here);
}

/**
 * Those that an administrator installs: with room for each kind of backup, by the verbs of the release's own unit, and
 * at the time in it. A second place that is a directory lies below /mnt.
 */
export function renderHelperBackupUnits(group: Named): { service: string; timer: string } {
  const all = { helper: true, onCalendar: "daily", second: ["/mnt"], directory: ["/mnt"] };
  return backupUnits(group, [all]);
}

function backupUnits({ masterName, instance }: Named, backup: object[]) {
  const unit = (kind: string) =>
    render(`redis-cluster-backup.${kind}`, { masterName, ...namesOf(instance), backup });
  return { service: unit("service"), timer: unit("timer") };
}

/**
 * Redis replays an AOF as the user default and leaves out, inside transactions and scripts, what that user may not
 * do. While the legacy group's clients are that user, it may do whatever is in an AOF, and else what an application may.
 */
const replay = ["+@write"];

/**
 * The users of a node and their rights; `#NAME` stands for the hashes of a user's passwords. By one that may do nothing a
 * host that is gone knows so when it comes back: see templates/host/redis_cluster/given_up.py.
 */
export function renderNodeUsers(config: Config): string {
  const users = clientUsers(config).map((user) =>
    rights(user.name === "default" ? { ...user, commands: [...user.commands, ...replay] } : user),
  );
  return render("users.acl", { adopt: config.adopt, users, gone: config.gone });
}

/** The users of a Sentinel, as those of a node; the legacy group's clients ask it without a login. */
export function renderSentinelUsers(config: Config): string {
  const users = clientUsers(config).map(({ name }) => ({
    name,
    login: name === "default" ? "nopass" : `#${name}`,
  }));
  return render("sentinel-users.acl", { adopt: config.adopt, users });
}

/** The users of the applications, and the one of the legacy group's clients where that is taken over. */
function clientUsers({ adopt, users }: Config): User[] {
  return adopt ? [{ name: "default", ...applicationRights }, ...users] : users;
}

/**
 * What a host logs in with, in plain text, and the hashes of every password that is accepted: never an
 * application's password. Secret.
 */
export function renderSecrets(secrets: TopologyConfig["secrets"]): pulumi.Output<string> {
  return pulumi
    .all([
      pulumi.all(secrets.passwords),
      pulumi.all(secrets.previousPasswords),
      secrets.adoptPassword,
    ])
    .apply(([passwords, previous, adopt]) => {
      const { replication, sentinel, operator } = passwords;
      return render("secrets", {
        replication,
        sentinel,
        operator,
        previousOperator: previous.operator ? [previous.operator] : [],
        adopt: adopt ? [adopt] : [],
        hashes: Object.entries(adopt ? { default: adopt, ...passwords } : passwords).map(
          ([name, password]) => ({
            name,
            hashes: [password, previous[name]].filter(Boolean).map(hash).join(" "),
          }),
        ),
      });
    });
}

/**
 * What restic goes by on a host that saves, where the backups have a second place: a repository of this host's own
 * below it, so that no other host's run holds its lock. Secret.
 */
export function renderBackupSecrets(
  { backup, masterName, secrets }: Pick<TopologyConfig, "backup" | "masterName" | "secrets">,
  host: string,
): Record<string, pulumi.Output<string>> {
  if (!backup?.repository || !backup.hosts.includes(host)) return {};
  const { sshPrivateKey, ...variables } = secrets.backupSecrets;
  const lines = (values: Record<string, string>) =>
    Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  const place = `${backup.repository}/${masterName}/${host}`;
  return {
    "backup.env": pulumi
      .all(variables)
      .apply((values) => lines({ RESTIC_REPOSITORY: place, ...values }).join("")),
    ...(backup.hostKey && {
      "backup.key": sshPrivateKey,
      "backup.host": pulumi.output(`backup ${backup.hostKey}\n`),
    }),
  };
}

const rights = (user: User) => {
  const signed = (list: PatternList) => user[list].map((pattern) => signs[list] + pattern);
  return {
    name: user.name,
    keys: [...signed("keys"), ...signed("readKeys"), ...signed("writeKeys")].join(" "),
    channels: signed("channels").join(" "),
    commands: user.commands.join(" "),
  };
};

interface Line {
  name: string;
  value: string;
}

/** The settings as lines. */
function lines(daemon: Daemon, settings: Settings, masterName: string): Line[] {
  const lineName = ({ name, about }: Directive): string =>
    about === "master"
      ? `sentinel ${name} ${masterName}`
      : about === "sentinel"
        ? `sentinel ${name}`
        : name;
  return directives(daemon)
    .filter(({ name }) => name in settings)
    .map((directive) => ({ name: lineName(directive), value: settings[directive.name] }));
}

// Hashes as Redis's ACL takes them. They have no salt, so a password must be long to stand being read.
const hash = (password: string): string => createHash("sha256").update(password).digest("hex");

/** By which a text is known to be another. */
export const shortHash = (text: string): string => hash(text).slice(0, 16);

/** Mustache leaves a missing variable empty; here it is an error. */
class StrictContext extends Mustache.Context {
  override lookup(name: string): unknown {
    const value: unknown = super.lookup(name);
    if (value === undefined || value === null) {
      throw new Error(`no value for {{${name}}}`);
    }
    return value;
  }

  override push(view: unknown): StrictContext {
    return new StrictContext(view, this);
  }
}

/** A value stands in a line of its own file, so it may not end that line. */
function escape(value: unknown): string {
  const text = String(value);
  if (/\p{Cc}/u.test(text)) {
    throw new Error("a value contains a line break or a control character");
  }
  return text;
}

const template = (name: string): string =>
  readFileSync(join(templates, `${name}.mustache`), "utf8");

/**
 * Fills templates/<name>.mustache.
 * Throws, naming the template, when a variable has no value or a value contains a line break.
 */
export function render(name: string, view: object): string {
  try {
    return Mustache.render(template(name), new StrictContext(view), template, { escape });
  } catch (error) {
    throw new Error(`templates/${name}.mustache: ${(error as Error).message}`, { cause: error });
  }
}
