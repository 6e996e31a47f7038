/** What nodes and sentinels have in common. */
import { Place } from "./directive";
import { matching, integer, oneOf } from "./values";

export const ownAddress = ({ address }: Place): string => `${address} 127.0.0.1`;
export const bindDeparture = {
  from: "0.0.0.0",
  reason:
    "listens where the group and the host's own scripts need it, and on no other network of the host",
};
export const bindNote = "must cover the host's address and 127.0.0.1 (0.0.0.0 does)";
export const tls = "set redis-cluster:tls";
export const systemd = {
  daemonize: "no: systemd runs the daemon in the foreground (legacy: yes)",
  supervised:
    "systemd: the unit is of Type=notify, so systemd knows when the data is loaded (legacy: no)",
  pidfile: "none: systemd knows the process (legacy had one)",
};
// Redis keeps 32 file descriptors of the unit's LimitNOFILE=65535 for itself.
export const maxClients = integer(1, 65503);
export const maxClientsNote = "at most what the unit's LimitNOFILE=65535 leaves";
export const loglevels = oneOf("debug", "verbose", "notice", "warning");
export const facilities = oneOf("user", ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `local${n}`));
export const ident = matching(
  "a word of letters, digits, dot, dash and underscore",
  /^[\w.-]{1,64}$/,
);
