/** What a stack's configuration describes. */
import type * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../directives/directive";
import type { FoundBy } from "../release/refusals";

export interface HostConfig {
  name: string;
  /** Private IPv4 address: announced to the group and to clients. */
  address: string;
  /** Where SSH reaches the host. */
  sshHost: string;
  /** The line `ssh-ed25519 AAAA...`. */
  hostKey: string;
  /** Undefined: no node here, a sentinel alone. */
  redis?: Settings;
  /** Undefined: no sentinel here. */
  sentinel?: Settings;
}

/** A host that has a node. */
export type NodeHost = HostConfig & { redis: Settings };

/** Those of the hosts that have a node. */
export const nodeHosts = (hosts: HostConfig[]): NodeHost[] =>
  hosts.filter((host): host is NodeHost => host.redis !== undefined);

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

/** Which hosts save, when (as systemd.time(7) has it), how many backups each keeps, and after how many days it proves them again. */
export interface Backup {
  hosts: string[];
  onCalendar: string;
  keep: number;
  /** Undefined: never. */
  drill?: number;
  /** The second place, as restic names it; undefined: none. */
  repository?: string;
  /** Of a repository by SFTP: the line `ssh-ed25519 AAAA...` of its server. */
  hostKey?: string;
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

/** How far a move from the legacy Redis is to go: copy it, leave it, and give up the way back. */
export const migrationStages = ["follow", "cutover", "final"] as const;

/** A legacy Redis, and what is to become of its data. */
export interface Migration {
  address: string;
  port: number;
  /** Empty: it knows none. */
  user: string;
  stage: (typeof migrationStages)[number];
}

/** The users that every group has; their passwords go into files that Sentinel writes unquoted. */
export const ownUsers = ["replication", "sentinel", "operator", "monitoring"];

/** What a stack's configuration describes, checked, with `Secret` as the type of its secrets. */
export interface Topology<Secret> {
  stack: string;
  /** By what this group is told from others on the same hosts; undefined: it is the one without a name. */
  instance?: string;
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
  /** Members until now that are dead, and are asked nothing any more, by name. */
  gone: string[];
  /** What this stack's group was another's before, as "PROJECT/STACK to PROJECT/STACK". */
  renamed?: string;
  /** Undefined: everybody reaches the two ports, as far as other rules allow. */
  firewall?: { allow: string[] };
  /** The version of the package redis-server, as apt knows it; undefined: what is installed. */
  packageVersion?: string;
  /** Whether what Redis asks of the kernel is set on the hosts. */
  kernelSettings: boolean;
  /** Undefined: no host saves. */
  backup?: Backup;
  /** Undefined: the group's data come from nowhere else. */
  migration?: Migration;
  users: User[];
  /** Whether the legacy group, which Ansible deployed, is taken over, and its clients are served as the user default. */
  adopt: boolean;
  secrets: {
    sshPrivateKey?: Secret;
    /** Of the legacy group's clients. */
    adoptPassword?: Secret;
    /** Of migrateFrom; undefined where that asks for none. */
    migratePassword?: Secret;
    /** By the user's name, as all of these. */
    passwords: Record<string, Secret>;
    /** Passwords that go on to be accepted while clients move to the new ones. */
    previousPasswords: Record<string, Secret>;
    /** Private keys of the stack's own certificates, by host. */
    tlsKeys: Record<string, Secret>;
    /** Of the backups' second place, by their names. */
    backupSecrets: Record<string, Secret>;
  };
}

export type TopologyConfig = Topology<pulumi.Output<string>>;

/** What an application may do where the stack does not say otherwise: all but administration. */
export const applicationRights: Omit<User, "name"> = {
  keys: ["*"],
  readKeys: [],
  writeKeys: [],
  channels: ["*"],
  commands: ["+@all", "-@admin", "-@dangerous", "+info", "+role", "+sort", "+sort_ro"],
};

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
