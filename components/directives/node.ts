/** The table of Redis 7.0 and 8.0 directives: what may be set, to what, and how a change takes effect. */
import { Settings, Place, Directive, live, restart, restartSince, fixed, owned } from "./directive";
import {
  ownAddress,
  bindDeparture,
  bindNote,
  tls,
  systemd,
  maxClients,
  maxClientsNote,
  loglevels,
  facilities,
  ident,
} from "./shared";
import {
  maxLong,
  integer,
  bytes,
  oneOf,
  boolean,
  wordList,
  quoted,
  every,
  savePoints,
  bufferLimits,
  addresses,
  percentiles,
  shutdownFlags,
  octal,
  fileName,
  cpuList,
  percentOrBytes,
  inBytes,
} from "./values";

const finalSave = (_: Place, { appendonly }: Settings): string =>
  appendonly === "no" ? "save" : "nosave";

const replicationBacklog = (_: Place, { maxmemory }: Settings): string => {
  const limit = inBytes(maxmemory ?? "0");
  return limit > 0 && limit < 1 << 30 ? String(Math.ceil(limit / 16)) : "64mb";
};

const noCluster = "for Redis Cluster, which has no use for Sentinel";
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
  restartSince("8.0", "max-new-connections-per-cycle", integer(1, 1000)),
  restartSince("8.0", "max-new-tls-connections-per-cycle", integer(1, 1000)),
  live("bind-source-addr", quoted('an IPv4 address, or ""', /^(\d+\.\d+\.\d+\.\d+)?$/), '""'),
  restart(
    "unixsocket",
    quoted(
      'a path below /run/redis-cluster/node, or ""',
      /^(\/run\/redis-cluster(-[a-z0-9]+)?\/node\/[\w.-]+)?$/,
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
  restartSince("8.0", "hide-user-data-from-log", boolean),
  restartSince("8.0", "locale-collate", quoted('a locale of the host, or ""', /^[\w.@-]*$/)),
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
        "a replica that is stopped on purpose is told to save, and nothing else would be read",
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
  live("repl-backlog-size", bytes(2 ** 14), replicationBacklog, {
    departure: {
      from: "1mb",
      reason:
        "a node that is restarted goes on where it was, if what was written meanwhile is still in it; Redis takes " +
        "the memory only as writes come",
    },
    note:
      "a 16th of maxmemory where that is below 1gb; 64mb hold 12 s of 5 MB/s. At run time Redis takes no less than " +
      "16384, at a start it does",
  }),
  live("repl-backlog-ttl", integer(0, maxLong), "3600"),
  live("replica-priority", integer(0), "100", {
    note: "0: never promoted; some host must have more",
  }),
  live("propagation-error-behavior", oneOf("ignore", "panic", "panic-on-replicas"), "ignore"),
  restartSince("8.0", "replica-full-sync-buffer-limit", bytes()),
  live("replica-ignore-disk-write-errors", boolean, "no"),
  live("replica-ignore-maxmemory", boolean, "yes"),
  live("replica-lazy-flush", boolean, "no"),
  live("min-replicas-to-write", integer(0), ({ leastReplicas }) => leastReplicas, {
    departure: {
      from: "0",
      reason:
        "N hosts, S sentinels: a master beside which a majority of the sentinels may promote another refuses writes, which the failover would throw away",
    },
    note: 'N hosts, S sentinels: at least N-(S+1)/2, less would bound nothing; at most N-1; see "A host with a sentinel alone" in docs/operations.md',
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
  live("busy-reply-threshold", integer(0, maxLong), "5000", {
    note: "lua-time-limit of the legacy group",
  }),
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
  restartSince("8.0", "set-max-listpack-entries", integer(0, maxLong)),
  restartSince("8.0", "set-max-listpack-value", bytes()),
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
  restart("io-threads-do-reads", boolean, "no", { until: "7.0" }),
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
    "cluster-announce-human-nodename",
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
    "cluster-compatibility-sample-ratio",
    "cluster-link-sendbuf-limit",
    "cluster-preferred-endpoint-type",
  ].map((name) => owned(name, noCluster)),
];
