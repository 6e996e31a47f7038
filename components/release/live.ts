import { HostConfig } from "../config/topology";
import type { Daemon, Settings } from "../directives/directive";
import { directives } from "../directives/settings";
import type { Config } from "./render";

// A node opens and closes its ports while it runs.
const tlsLive = ["port", "tls-port", "tls-replication", "tls-auth-clients"];

/** The names of the settings that the running daemons of a host take; all others wait for a start. */
export function liveNames(
  { tls }: Config,
  { redis, sentinel }: HostConfig,
): Record<Daemon, string[]> {
  const names = (daemon: Daemon, settings: Settings): string[] =>
    directives(daemon)
      .filter(({ name, class: kind }) => kind === "live" && name in settings)
      .map(({ name }) => name);
  return {
    node: redis ? [...(tls ? tlsLive : []), ...names("node", redis)] : [],
    sentinel: sentinel ? names("sentinel", sentinel) : [],
  };
}
