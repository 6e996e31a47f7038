/** The table of Sentinel 7.0 directives, as the one of nodes. */
import { Directive, Extra, live, restart, owned } from "./directive";
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
import { maxLong, matching, integer, boolean, bufferLimits, addresses } from "./values";

const ofMaster: Extra = { about: "master" };
const script = matching("the absolute path of a script on the host", /^\/[\w./-]+$/);

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
