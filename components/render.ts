import * as pulumi from "@pulumi/pulumi";
import { createHash } from "crypto";
import { readFileSync } from "fs";
import Mustache from "mustache";
import { join } from "path";
import { HostConfig, TopologyConfig } from "./config";
import { Daemon, Directive, directives, Settings } from "./settings";

/** The part of the configuration that ends up in files; none of it is secret. */
type Config = Omit<TopologyConfig, "secrets">;

/** Passwords in plain text, by the user they belong to. */
export interface Passwords {
  application: string;
  replication: string;
  sentinel: string;
  operator: string;
}

/** The passwords of a stack, to be rendered inside `apply`. */
export function passwords(secrets: TopologyConfig["secrets"]): pulumi.Output<Passwords> {
  const { applicationPassword, replicationPassword, sentinelPassword, operatorPassword } = secrets;
  return pulumi
    .all([applicationPassword, replicationPassword, sentinelPassword, operatorPassword])
    .apply(([application, replication, sentinel, operator]) => ({
      application,
      replication,
      sentinel,
      operator,
    }));
}

/** A node's settings, without role, users and passwords. */
export function renderRedisConf(config: Config, host: HostConfig): string {
  return render("redis.conf", {
    port: config.nodePort,
    address: host.address,
    ...lines("node", host.redis, config.masterName),
  });
}

/** A sentinel's settings, without the master's address, users and passwords. Throws where the host has no sentinel. */
export function renderSentinelConf(config: Config, host: HostConfig): string {
  if (!host.sentinel) {
    throw new Error(`${host.name} has no sentinel`);
  }
  return render("sentinel.conf", {
    port: config.sentinelPort,
    address: host.address,
    ...lines("sentinel", host.sentinel, config.masterName),
  });
}

/** The group as the host program of one host sees it. */
export function renderMembers(config: Config, host: HostConfig): string {
  const at = (port: number) => (member: HostConfig) => ({
    name: member.name,
    address: member.address,
    port,
  });
  return render("members", {
    masterName: config.masterName,
    quorum: config.quorum,
    self: host.name,
    bootstrapMaster: config.bootstrapMaster,
    sentinelReturn: config.sentinelReturn,
    nodes: config.hosts.map(at(config.nodePort)),
    sentinels: config.hosts.filter(({ sentinel }) => sentinel).map(at(config.sentinelPort)),
  });
}

/** The systemd unit of a node. */
export function renderNodeUnit({ masterName }: Config): string {
  return render("redis-cluster.service", { masterName });
}

/** The systemd unit of a sentinel. */
export function renderSentinelUnit({ masterName }: Config): string {
  return render("redis-sentinel.service", { masterName });
}

/** The users of a node, their passwords hashed. */
export function renderNodeAcl(all: Passwords): string {
  return render("users.acl", hashed(all));
}

/** The users of a Sentinel, their passwords hashed. */
export function renderSentinelAcl(all: Passwords): string {
  return render("sentinel-users.acl", hashed(all));
}

/** The passwords that a host itself uses; never the application's. */
export function renderSecrets({ replication, sentinel, operator }: Passwords): string {
  return render("secrets", { replication, sentinel, operator });
}

interface Line {
  name: string;
  value: string;
}

/** The settings as lines, those that wait for a restart apart from those that do not. */
function lines(
  daemon: Daemon,
  settings: Settings,
  masterName: string,
): { restart: Line[]; live: Line[] } {
  const lineName = ({ name, about }: Directive): string =>
    about === "master"
      ? `sentinel ${name} ${masterName}`
      : about === "sentinel"
        ? `sentinel ${name}`
        : name;
  const set = directives(daemon).filter(({ name }) => name in settings);
  const select = (live: boolean): Line[] =>
    set
      .filter((directive) => (directive.class === "live") === live)
      .map((directive) => ({ name: lineName(directive), value: settings[directive.name] }));
  return { restart: select(false), live: select(true) };
}

// Hashes as Redis's ACL takes them. They have no salt, so a password must be long to stand being read.
const hash = (password: string): string => createHash("sha256").update(password).digest("hex");

const hashed = (all: Passwords): Passwords => ({
  application: hash(all.application),
  replication: hash(all.replication),
  sentinel: hash(all.sentinel),
  operator: hash(all.operator),
});

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
  readFileSync(join(__dirname, "..", "templates", `${name}.mustache`), "utf8");

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
