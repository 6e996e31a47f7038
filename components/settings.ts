import { isIPv4 } from "net";
import { under } from "./config/path";

/**
 * The one table of Redis 7.0 and Sentinel directives: what may be set, to what, and how a change takes effect.
 * Validation, templates and docs/configuration.md all come from it.
 */

/** The daemon that a directive is for. */
export type Daemon = "node" | "sentinel";

/**
 * How a change takes effect.
 * live: the running daemon takes it (CONFIG SET, SENTINEL SET). restart: at the daemon's next start.
 * fixed: only before the group is created, since a later change would lose data. owned: by this program; never set.
 */
export type SettingClass = "live" | "restart" | "fixed" | "owned";

/** Directive to value, as the configuration file writes it. */
export type Settings = Record<string, string>;

interface ValueType {
  /** What a value must be, for error messages and docs. */
  expected: string;
  /** The value as the configuration file writes it; undefined when it is not of this type. */
  parse(value: unknown): string | undefined;
}

/** What a default may depend on. */
export interface Place {
  /** The host's. */
  address: string;
  /** How many replicas a master has to reach at least, so that no majority of sentinels is beside them. */
  leastReplicas: string;
}

export interface Directive {
  name: string;
  class: SettingClass;
  /** Absent for owned directives. */
  type?: ValueType;
  /** Value without an override; a function where it depends on the host, the group or other directives; absent: no line. */
  default?: string | ((place: Place, overrides: Settings) => string);
  /** The old role's value and why this default is another; only where they differ. */
  departure?: { from: string; reason: string };
  /** Written as `sentinel NAME VALUE` or, about the master that is watched, `sentinel NAME MASTER VALUE`. */
  about?: "sentinel" | "master";
  /** What to know before setting it; for an owned directive what to do instead. */
  note?: string;
}

// Bounds are those of Redis 7.0.15 (config.c); a few are tighter, with a note.
const maxInt = 2 ** 31 - 1;
const maxLong = Number.MAX_SAFE_INTEGER;

const asText = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" ? String(value).trim() : undefined;

const matching = (expected: string, pattern: RegExp): ValueType => ({
  expected,
  parse: (value) => {
    const text = asText(value);
    return text !== undefined && pattern.test(text) ? text : undefined;
  },
});

const integer = (min: number, max: number = maxInt): ValueType => ({
  expected: max >= maxInt ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`,
  parse: (value) => {
    const text = asText(value);
    if (text === undefined || !/^-?\d{1,16}$/.test(text)) {
      return undefined;
    }
    const number = Number(text);
    return number >= min && number <= max ? String(number) : undefined;
  },
});

const units: Record<string, number> = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: 2 ** 10,
  m: 1e6,
  mb: 2 ** 20,
  g: 1e9,
  gb: 2 ** 30,
};

/** The bytes that a value as 64mb means; NaN where it is none. */
export function inBytes(text: string): number {
  const [, number, unit] = /^(\d{1,16})([kmg]?b?)$/.exec(text) ?? [];
  return Number(number) * units[unit];
}

const bytes = (min = 0, max: number = maxLong): ValueType => ({
  expected:
    "bytes, as 1048576, 64mb or 2gb" +
    (min > 0 ? `, at least ${min}` : "") +
    (max < maxLong ? `, at most ${max}` : ""),
  parse: (value) => {
    const text = asText(value)?.toLowerCase();
    const size = inBytes(text ?? "");
    return size >= min && size <= max ? text : undefined;
  },
});

// YAML's own true and false mean yes and no.
const spoken = (value: unknown): unknown =>
  typeof value === "boolean" ? (value ? "yes" : "no") : value;

const oneOf = (...values: string[]): ValueType => ({
  expected: `one of ${values.join(", ")}`,
  parse: (value) => {
    const text = asText(spoken(value))?.toLowerCase();
    return text !== undefined && values.includes(text) ? text : undefined;
  },
});

const boolean: ValueType = { ...oneOf("yes", "no"), expected: "yes or no" };

const words = (value: unknown): string[] | undefined => {
  const parts = Array.isArray(value) ? value.map(asText) : [asText(value)];
  return parts.every((part) => part !== undefined)
    ? parts.join(" ").split(/\s+/).filter(Boolean)
    : undefined;
};

/** A list of words, or one string of them; `check` sees at least one word unless `empty` is given. */
const wordList = (
  expected: string,
  check: (list: string[]) => boolean,
  empty?: string,
): ValueType => ({
  expected,
  parse: (value) => {
    const list = words(value);
    // The quotes of the configuration file's own way to write an empty value.
    if (list && (list.length === 0 || list.join("") === '""')) {
      return empty;
    }
    return list && check(list) ? list.join(" ") : undefined;
  },
});

const quoted = (expected: string, pattern: RegExp): ValueType => ({
  expected,
  parse: (value) => {
    const text = asText(value)?.replace(/^"(.*)"$/, "$1");
    return text !== undefined && pattern.test(text)
      ? /^[\w./:-]+$/.test(text)
        ? text
        : `"${text}"`
      : undefined;
  },
});

const every = (list: string[], pattern: RegExp): boolean =>
  list.every((word) => pattern.test(word));

const savePoints = wordList(
  'pairs of seconds and changes, as "3600 1 300 100", or "" for none',
  (list) => list.length % 2 === 0 && every(list, /^[1-9]\d{0,9}$/),
  '""',
);

const bufferDefaults = { normal: "0 0 0", replica: "256mb 64mb 60", pubsub: "32mb 8mb 60" };

const bufferLimits: ValueType = {
  expected:
    "lines of class (normal, replica, pubsub), hard limit, soft limit and seconds, as replica 256mb 64mb 60",
  parse: (value) => {
    const list = words(value);
    if (!list || list.length === 0 || list.length % 4 !== 0) {
      return undefined;
    }
    const limits: Record<string, string> = { ...bufferDefaults };
    for (let i = 0; i < list.length; i += 4) {
      const [hard, soft] = [bytes().parse(list[i + 1]), bytes().parse(list[i + 2])];
      const seconds = integer(0).parse(list[i + 3]);
      if (!(list[i] in bufferDefaults) || !hard || !soft || !seconds) {
        return undefined;
      }
      limits[list[i]] = `${hard} ${soft} ${seconds}`;
    }
    // Classes not named keep their default, and the order is always the same.
    return Object.entries(limits)
      .map(([name, limit]) => `${name} ${limit}`)
      .join(" ");
  },
};

const addresses = wordList("IPv4 addresses to listen on", (list) =>
  list.every((word) => isIPv4(word.replace(/^-/, ""))),
);

const percentiles = wordList(
  "percentiles from 0 to 100",
  (list) => every(list, /^\d{1,3}(\.\d{1,6})?$/) && list.every((word) => Number(word) <= 100),
  '""',
);

const shutdownFlags = wordList(
  "default, or any of save, nosave, now, force (not both save and nosave)",
  (list) =>
    list.join(" ") === "default" ||
    (every(list, /^(save|nosave|now|force)$/) &&
      !(list.includes("save") && list.includes("nosave"))),
);

// A number would not do: YAML reads 0770 as 504.
const octal: ValueType = {
  expected: 'an octal mode in quotes, as "770"',
  parse: (value) => (typeof value === "string" && /^[0-7]{1,4}$/.test(value) ? value : undefined),
};
const fileName = quoted(
  "a file name of letters, digits, dot, dash and underscore",
  /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/,
);
const cpuList = quoted('CPUs as "0-3,5", or "" for all', /^([0-9,:-]*)$/);
const percentOrBytes: ValueType = {
  expected: `${bytes().expected}, or a part of maxmemory as 5%`,
  parse: (value) => bytes().parse(value) ?? matching("", /^([1-9]\d?|100)%$/).parse(value),
};

type Extra = Omit<Directive, "name" | "class" | "type" | "default">;

const define =
  (settingClass: SettingClass) =>
  (name: string, type: ValueType, value: Directive["default"], extra: Extra = {}): Directive => ({
    name,
    class: settingClass,
    type,
    default: value,
    ...extra,
  });
const live = define("live");
const restart = define("restart");
const fixed = define("fixed");
const owned = (name: string, note: string): Directive => ({ name, class: "owned", note });

const finalSave = (_: Place, { appendonly }: Settings): string =>
  appendonly === "no" ? "save" : "nosave";

const ownAddress = ({ address }: Place): string => `${address} 127.0.0.1`;
const bindDeparture = {
  from: "0.0.0.0",
  reason:
    "listens where the group and the host's own scripts need it, and on no other network of the host",
};
const bindNote = "must cover the host's address and 127.0.0.1 (0.0.0.0 does)";
const tls = "set redis-cluster:tls";
const noCluster = "for Redis Cluster, which has no use for Sentinel";
const systemd = {
  daemonize: "no: systemd runs the daemon in the foreground (the role: yes)",
  supervised:
    "systemd: the unit is of Type=notify, so systemd knows when the data is loaded (the role: no)",
  pidfile: "none: systemd knows the process (the role had one)",
};
// Redis keeps 32 file descriptors of the unit's LimitNOFILE=65535 for itself.
const maxClients = integer(1, 65503);
const maxClientsNote = "at most what the unit's LimitNOFILE=65535 leaves";
const loglevels = oneOf("debug", "verbose", "notice", "warning");
const facilities = oneOf("user", ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `local${n}`));
const ident = matching("a word of letters, digits, dot, dash and underscore", /^[\w.-]{1,64}$/);

const ofMaster: Extra = { about: "master" };
const script = matching("the absolute path of a script on the host", /^\/[\w./-]+$/);

export const nodeDirectives: Directive[] = [
  // Network
  live("bind", addresses, ownAddress, { departure: bindDeparture, note: bindNote }),
  live("protected-mode", boolean, "yes"),
  restart("tcp-backlog", integer(0), "511"),
  live("timeout", integer(0), "0"),
  live("tcp-keepalive", integer(0), "300"),
  live("maxclients", maxClients, "10000", {
    note: maxClientsNote,
  }),
  live("bind-source-addr", quoted('an IPv4 address, or ""', /^(\d+\.\d+\.\d+\.\d+)?$/), '""'),
  restart(
    "unixsocket",
    quoted(
      'a path below /run/redis-cluster/node, or ""',
      /^(\/run\/redis-cluster\/node\/[\w.-]+)?$/,
    ),
    '""',
  ),
  restart("unixsocketperm", octal, "0"),
  owned("port", "set redis-cluster:nodePort"),

  // Process and logs
  restart("databases", integer(1), "16", { note: "can be raised later, never lowered" }),
  live("loglevel", loglevels, "notice"),
  restart("syslog-enabled", boolean, "no"),
  restart("syslog-ident", ident, "redis"),
  restart("syslog-facility", facilities, "local0"),
  restart("always-show-logo", boolean, "no"),
  restart("set-proc-title", boolean, "yes"),
  live(
    "proc-title-template",
    quoted("text with {title}, {listen-addr} and other fields of Redis", /^[\w{} .:/-]+$/),
    '"{title} {listen-addr} {server-mode}"',
  ),
  live("crash-log-enabled", boolean, "yes"),
  live("crash-memcheck-enabled", boolean, "yes"),
  live("ignore-warnings", quoted('"" or ARM64-COW-BUG', /^(ARM64-COW-BUG)?$/), '""'),
  live("shutdown-timeout", integer(0, 60), "10", {
    note: "at most 60 s, which is half of the unit's TimeoutStopSec=120",
  }),
  live("shutdown-on-sigint", shutdownFlags, "default"),
  live("shutdown-on-sigterm", shutdownFlags, finalSave, {
    departure: {
      from: "default",
      reason:
        "a stop always writes the data out, also when save is empty; where there is an AOF, " +
        "nothing would read what it wrote",
    },
    note: "save where appendonly is no",
  }),
  owned("daemonize", systemd.daemonize),
  owned("supervised", systemd.supervised),
  owned("pidfile", systemd.pidfile),
  owned("logfile", "always /var/log/redis-cluster/redis-cluster.log"),
  owned("include", "values of an included file outlive their removal; set directives here"),
  owned("loadmodule", "modules are not deployed by this program"),

  // Snapshots
  live("save", savePoints, "3600 1 300 100 60 10000", {
    note: "empty only with appendonly yes, or a restart would lose the data",
  }),
  live("stop-writes-on-bgsave-error", boolean, "yes"),
  live("rdbcompression", boolean, "yes"),
  restart("rdbchecksum", boolean, "yes"),
  live("sanitize-dump-payload", oneOf("no", "yes", "clients"), "no"),
  fixed("dbfilename", fileName, "dump.rdb"),
  live("rdb-del-sync-files", boolean, "no"),
  live("rdb-save-incremental-fsync", boolean, "yes"),
  owned("dir", "always /var/lib/redis-cluster"),

  // Append-only file
  fixed("appendonly", boolean, "yes"),
  fixed("appendfilename", fileName, "appendonly.aof"),
  fixed("appenddirname", fileName, "appendonlydir"),
  live("appendfsync", oneOf("everysec", "always", "no"), "everysec", {
    note:
      "no: where all hosts lose power, up to 30 s of acknowledged writes are gone; min-replicas-to-write waits for " +
      "replicas, not for disks",
  }),
  live("no-appendfsync-on-rewrite", boolean, "no"),
  live("auto-aof-rewrite-percentage", integer(0), "100"),
  live("auto-aof-rewrite-min-size", bytes(), "64mb"),
  live("aof-load-truncated", boolean, "yes"),
  live("aof-use-rdb-preamble", boolean, "yes"),
  live("aof-timestamp-enabled", boolean, "no"),
  live("aof-rewrite-incremental-fsync", boolean, "yes"),
  live("aof-disable-auto-gc", boolean, "no"),

  // Replication
  live("replica-serve-stale-data", boolean, "yes"),
  live("replica-read-only", boolean, "yes"),
  live("repl-diskless-sync", boolean, "no"),
  live("repl-diskless-sync-delay", integer(0), "0", {
    departure: {
      from: "5",
      reason:
        "with diskless sync on, replicas restarted together would wait 5 s more, and writes with them",
    },
  }),
  live("repl-diskless-sync-max-replicas", integer(0), "0"),
  live("repl-diskless-load", oneOf("disabled", "on-empty-db", "swapdb"), "disabled"),
  live("repl-ping-replica-period", integer(1), "10"),
  live("repl-timeout", integer(1), "60"),
  live("repl-disable-tcp-nodelay", boolean, "no"),
  live("repl-backlog-size", bytes(1), "1mb"),
  live("repl-backlog-ttl", integer(0, maxLong), "3600"),
  live("replica-priority", integer(0), "100", {
    note: "0: never promoted; some host must have more",
  }),
  live("propagation-error-behavior", oneOf("ignore", "panic", "panic-on-replicas"), "ignore"),
  live("replica-ignore-disk-write-errors", boolean, "no"),
  live("replica-ignore-maxmemory", boolean, "yes"),
  live("replica-lazy-flush", boolean, "no"),
  live("min-replicas-to-write", integer(0), ({ leastReplicas }) => leastReplicas, {
    departure: {
      from: "0",
      reason:
        "N hosts, S sentinels: a master beside which a majority of the sentinels may promote another refuses writes, which the failover would throw away",
    },
    note: "N hosts, S sentinels: at least N-(S+1)/2, less would bound nothing; at most N-1",
  }),
  live("min-replicas-max-lag", integer(1), "5", {
    note: "0 would switch min-replicas-to-write off",
    departure: {
      from: "10",
      reason:
        "bounds for how long a cut-off master still accepts writes: at most 7 s, 5.4 to 6.2 measured",
    },
  }),
  owned("replicaof", "Sentinel decides roles; the first master is redis-cluster:bootstrapMaster"),
  owned("masteruser", "always the user replication"),
  owned("masterauth", "set redis-cluster:replicationPassword"),
  owned("replica-announce-ip", "set redis-cluster:hosts.<name>.address"),
  owned("replica-announce-port", "set redis-cluster:nodePort"),
  owned("replica-announced", "always yes: Sentinel must see every replica"),

  // Security
  live("acllog-max-len", integer(0, maxLong), "128"),
  live("acl-pubsub-default", oneOf("allchannels", "resetchannels"), "resetchannels"),
  restart("enable-protected-configs", oneOf("no", "yes", "local"), "no"),
  restart("enable-debug-command", oneOf("no", "yes", "local"), "no"),
  restart("enable-module-command", oneOf("no", "yes", "local"), "no"),
  owned("aclfile", "users come from the passwords in redis-cluster:"),
  owned("user", "users come from the passwords in redis-cluster:"),
  owned("requirepass", "set redis-cluster:applicationPassword"),
  owned(
    "rename-command",
    "Sentinel and this program call commands by name; users are limited by ACL",
  ),

  // Memory
  live("maxmemory", bytes(), "0"),
  live(
    "maxmemory-policy",
    oneOf(
      "noeviction",
      "allkeys-lru",
      "allkeys-lfu",
      "allkeys-random",
      "volatile-lru",
      "volatile-lfu",
      "volatile-random",
      "volatile-ttl",
    ),
    "noeviction",
  ),
  live("maxmemory-samples", integer(1), "5"),
  live("maxmemory-eviction-tenacity", integer(0, 100), "10"),
  live("maxmemory-clients", percentOrBytes, "0"),
  live("active-expire-effort", integer(1, 10), "1"),
  live("lazyfree-lazy-eviction", boolean, "no"),
  live("lazyfree-lazy-expire", boolean, "no"),
  live("lazyfree-lazy-server-del", boolean, "no"),
  live("lazyfree-lazy-user-del", boolean, "no"),
  live("lazyfree-lazy-user-flush", boolean, "no"),
  live("lfu-log-factor", integer(0), "10"),
  live("lfu-decay-time", integer(0), "1"),
  live("tracking-table-max-keys", integer(0, maxLong), "1000000"),
  live("activedefrag", boolean, "no"),
  live("active-defrag-ignore-bytes", bytes(1), "100mb"),
  live("active-defrag-threshold-lower", integer(0, 1000), "10"),
  live("active-defrag-threshold-upper", integer(0, 1000), "100"),
  live("active-defrag-cycle-min", integer(1, 99), "1"),
  live("active-defrag-cycle-max", integer(1, 99), "25"),
  live("active-defrag-max-scan-fields", integer(1, maxLong), "1000"),
  live("jemalloc-bg-thread", boolean, "yes"),

  // Clients and scripts
  live(
    "client-output-buffer-limit",
    bufferLimits,
    "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
  ),
  live("client-query-buffer-limit", bytes(2 ** 20), "1gb"),
  live("proto-max-bulk-len", bytes(2 ** 20), "512mb"),
  live("busy-reply-threshold", integer(0, maxLong), "5000", { note: "the role's lua-time-limit" }),
  live("slowlog-log-slower-than", integer(-1, maxLong), "10000"),
  live("slowlog-max-len", integer(0, maxLong), "128"),
  live("latency-monitor-threshold", integer(0, maxLong), "0"),
  live("latency-tracking", boolean, "yes"),
  live("latency-tracking-info-percentiles", percentiles, "50 99 99.9"),
  live(
    "notify-keyspace-events",
    quoted('letters of KEg$lshzxetdmnA, or "" for none', /^[KEg$lshzxetdmnA]*$/),
    '""',
  ),

  // Encodings
  live("hash-max-listpack-entries", integer(0, maxLong), "512"),
  live("hash-max-listpack-value", bytes(), "64"),
  live("list-max-listpack-size", integer(-5), "-2"),
  live("list-compress-depth", integer(0), "0"),
  live("set-max-intset-entries", integer(0, maxLong), "512"),
  live("zset-max-listpack-entries", integer(0, maxLong), "128"),
  live("zset-max-listpack-value", bytes(), "64"),
  live("hll-sparse-max-bytes", bytes(), "3000"),
  live("stream-node-max-bytes", bytes(), "4096"),
  live("stream-node-max-entries", integer(0, maxLong), "100"),

  // Work in the background
  live("activerehashing", boolean, "yes"),
  live("hz", integer(1, 500), "10"),
  live("dynamic-hz", boolean, "yes"),
  restart("io-threads", integer(1, 128), "1"),
  restart("io-threads-do-reads", boolean, "no"),
  restart("server_cpulist", cpuList, '""'),
  restart("bio_cpulist", cpuList, '""'),
  restart("aof_rewrite_cpulist", cpuList, '""'),
  restart("bgsave_cpulist", cpuList, '""'),
  restart("disable-thp", boolean, "yes"),
  live("oom-score-adj", oneOf("no", "yes", "relative", "absolute"), "no"),
  live(
    "oom-score-adj-values",
    wordList(
      "three integers from -2000 to 2000, each at least the one before",
      (list) =>
        list.length === 3 &&
        every(list, /^-?\d{1,4}$/) &&
        list.every(
          (word, i) =>
            Math.abs(Number(word)) <= 2000 && (i === 0 || Number(word) >= Number(list[i - 1])),
        ),
    ),
    "0 200 800",
  ),
  owned("socket-mark-id", "needs a capability that the unit gives up"),

  ...[
    "tls-port",
    "tls-cert-file",
    "tls-key-file",
    "tls-key-file-pass",
    "tls-client-cert-file",
    "tls-client-key-file",
    "tls-client-key-file-pass",
    "tls-dh-params-file",
    "tls-ca-cert-file",
    "tls-ca-cert-dir",
    "tls-auth-clients",
    "tls-replication",
    "tls-cluster",
    "tls-protocols",
    "tls-ciphers",
    "tls-ciphersuites",
    "tls-prefer-server-ciphers",
    "tls-session-caching",
    "tls-session-cache-size",
    "tls-session-cache-timeout",
  ].map((name) => owned(name, tls)),
  ...[
    "cluster-enabled",
    "cluster-config-file",
    "cluster-node-timeout",
    "cluster-port",
    "cluster-announce-ip",
    "cluster-announce-hostname",
    "cluster-announce-port",
    "cluster-announce-tls-port",
    "cluster-announce-bus-port",
    "cluster-replica-validity-factor",
    "cluster-migration-barrier",
    "cluster-allow-replica-migration",
    "cluster-require-full-coverage",
    "cluster-replica-no-failover",
    "cluster-allow-reads-when-down",
    "cluster-allow-pubsubshard-when-down",
    "cluster-link-sendbuf-limit",
    "cluster-preferred-endpoint-type",
  ].map((name) => owned(name, noCluster)),
];

export const sentinelDirectives: Directive[] = [
  // About the master that is watched
  live("down-after-milliseconds", integer(1, maxLong), "6001", ofMaster),
  live("failover-timeout", integer(1, maxLong), "10000", {
    about: "master",
    departure: {
      from: "60000",
      reason:
        "Sentinel repeats a failed attempt, and fails over again, after twice this time; two sentinels alone may split their votes",
    },
  }),
  live("parallel-syncs", integer(1), "1", ofMaster),
  live("master-reboot-down-after-period", integer(0, maxLong), "6001", {
    about: "master",
    departure: {
      from: "0",
      reason:
        "a master that loads its data after a crash serves nobody, so it may do so for as long as it may be silent",
    },
    note: "counts from when Sentinel notices the restart, which takes it up to 10 s",
  }),
  restart("notification-script", script, undefined, ofMaster),
  restart("client-reconfig-script", script, undefined, ofMaster),
  restart("deny-scripts-reconfig", boolean, "yes", { about: "sentinel" }),
  owned(
    "monitor",
    "Sentinel keeps the master's address; set redis-cluster:masterName and redis-cluster:quorum",
  ),
  owned("quorum", "set redis-cluster:quorum"),
  owned("auth-user", "always the user sentinel"),
  owned("auth-pass", "set redis-cluster:sentinelPassword"),
  owned("sentinel-user", "always the user sentinel"),
  owned("sentinel-pass", "set redis-cluster:sentinelPassword"),
  owned("announce-ip", "set redis-cluster:hosts.<name>.address"),
  owned("announce-port", "set redis-cluster:sentinelPort"),
  owned("resolve-hostnames", "always no: a name may resolve differently on each host"),
  owned("announce-hostnames", "always no: a name may resolve differently on each host"),
  owned("rename-command", "Sentinel and this program call commands by name"),
  ...[
    "myid",
    "config-epoch",
    "leader-epoch",
    "current-epoch",
    "known-replica",
    "known-sentinel",
  ].map((name) => owned(name, "Sentinel's own memory, carried over by the host")),

  // The process; Sentinel 7.0 has no CONFIG SET, so each takes a restart
  restart("bind", addresses, ownAddress, { departure: bindDeparture, note: bindNote }),
  restart("protected-mode", boolean, "no", {
    note: "the default of a Sentinel; its user default is off",
  }),
  restart("tcp-backlog", integer(0), "511"),
  restart("timeout", integer(0), "0"),
  restart("tcp-keepalive", integer(0), "300"),
  restart("maxclients", maxClients, "10000", { note: maxClientsNote }),
  restart(
    "client-output-buffer-limit",
    bufferLimits,
    "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
  ),
  restart("loglevel", loglevels, "notice"),
  restart("syslog-enabled", boolean, "no"),
  restart("syslog-ident", ident, "redis-sentinel"),
  restart("syslog-facility", facilities, "local0"),
  restart("acllog-max-len", integer(0, maxLong), "128"),
  owned("port", "set redis-cluster:sentinelPort"),
  owned("dir", "a Sentinel keeps no data"),
  owned("daemonize", systemd.daemonize),
  owned("supervised", systemd.supervised),
  owned("pidfile", systemd.pidfile),
  owned("logfile", "always /var/log/redis-cluster/redis-sentinel.log"),
  owned("include", "values of an included file outlive their removal; set directives here"),
  owned("aclfile", "users come from the passwords in redis-cluster:"),
  owned("user", "users come from the passwords in redis-cluster:"),
  owned("requirepass", "set redis-cluster:applicationPassword"),
  ...["tls-port", "tls-replication", "tls-cert-file", "tls-key-file", "tls-ca-cert-file"].map(
    (name) => owned(name, tls),
  ),
];

/** Something wrong in the stack's configuration. */
export interface Problem {
  /** Below the namespace, as hosts.app-1.redis.hz. */
  key: string;
  seen: string;
  expected: string;
}

/** The directives of one daemon. */
export function directives(daemon: Daemon): Directive[] {
  return daemon === "node" ? nodeDirectives : sentinelDirectives;
}

/**
 * Checks a map of overrides as it stands in the stack's configuration.
 * Returns the accepted values as the configuration file writes them, and what is wrong with the others.
 * `key` is where the map stands, for the problems.
 */
export function parseSettings(
  daemon: Daemon,
  overrides: unknown,
  key: string,
): { settings: Settings; problems: Problem[] } {
  const settings: Settings = {};
  const problems: Problem[] = [];
  if (typeof overrides !== "object" || overrides === null || Array.isArray(overrides)) {
    return {
      settings,
      problems: [{ key, seen: show(overrides), expected: "a map of directives" }],
    };
  }
  for (const [name, value] of Object.entries(overrides) as [string, unknown][]) {
    const directive = directives(daemon).find((one) => one.name === name);
    const problem = (seen: string, expected: string): void => {
      problems.push({ key: under(key, name), seen, expected });
    };
    if (!directive) {
      const near = nearest(name, daemon);
      problem(
        "is unknown",
        `a ${daemon === "node" ? "Redis" : "Sentinel"} 7.0 directive by its current name` +
          (near ? `; did you mean ${near}?` : ""),
      );
    } else if (!directive.type) {
      problem("is set by this program", `no override (${directive.note})`);
    } else if (hasControlCharacter(value)) {
      problem("contains a line break or a control character", directive.type.expected);
    } else {
      const parsed = directive.type.parse(value);
      if (parsed === undefined) {
        problem(show(value), directive.type.expected);
      } else {
        settings[name] = parsed;
      }
    }
  }
  return { settings, problems };
}

/**
 * Every directive that a host's file gets, in the table's order: the defaults with the overrides on top.
 * Defaults are written out too, so that taking an override away is a change like any other.
 */
export function effectiveSettings(daemon: Daemon, place: Place, overrides: Settings): Settings {
  const settings: Settings = {};
  for (const { name, default: value } of directives(daemon)) {
    const text = overrides[name] ?? (typeof value === "function" ? value(place, overrides) : value);
    if (text !== undefined) {
      settings[name] = text;
    }
  }
  return settings;
}

/** A value for an error message. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return `is ${text.length > 80 ? `${text.slice(0, 80)}...` : text}`;
}

function hasControlCharacter(value: unknown): boolean {
  return [value].flat().some((part) => typeof part === "string" && /\p{Cc}/u.test(part));
}

/** The directive that was probably meant: by its older name, or up to three typing errors away. */
function nearest(name: string, daemon: Daemon): string | undefined {
  const current =
    name === "lua-time-limit"
      ? "busy-reply-threshold"
      : name
          .toLowerCase()
          .replaceAll("_", "-")
          .replace(/slave/, "replica")
          .replace("ziplist", "listpack");
  const [best] = directives(daemon)
    .map((directive) => ({ name: directive.name, distance: distance(current, directive.name) }))
    .sort((a, b) => a.distance - b.distance);
  return best.distance <= 3 ? best.name : undefined;
}

/** Levenshtein distance: how many letters to insert, drop or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(
        Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    }
    row = next;
  }
  return row[b.length];
}

/** The settings of a node that hold its data together: what the group was created with stays. */
export function creationSettings(settings: Settings): Settings {
  const names = directives("node")
    .filter(({ name, class: kind }) => kind === "fixed" || name === "databases")
    .map(({ name }) => name);
  return Object.fromEntries(
    names.filter((name) => name in settings).map((name) => [name, settings[name]]),
  );
}
