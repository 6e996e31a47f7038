/** In which class a change of the configuration is: taken by daemons that run, or by a restart. */
import { HostConfig } from "../config/topology";
import type { Daemon, Settings } from "../directives/directive";
import { namesOf } from "../names";
import { liveNames } from "./live";
import {
  Config,
  renderNodeUnit,
  renderRedisConf,
  renderSentinelConf,
  renderSentinelUnit,
  shortHash,
} from "./render";

/** Settings by their names, redis.hz say; one that differs among the hosts has its value on each. */
export type GroupSettings = Record<string, string | Record<string, string>>;

/** What running daemons take, and what makes them restart: the lines of the hosts' files, and the units. */
export function settingsByClass(config: Config): Record<"live" | "restart", GroupSettings> {
  const hosts = config.hosts.map((host) => ({ name: host.name, ...classes(config, host) }));
  const group = (kind: "live" | "restart"): GroupSettings => {
    const names = new Set(hosts.flatMap((host) => Object.keys(host[kind])));
    return Object.fromEntries(
      [...names].map((name) => {
        const values = hosts.flatMap((host) =>
          name in host[kind] ? [[host.name, host[kind][name]] as const] : [],
        );
        const same = values.every(([, value]) => value === values[0][1]);
        return [name, same ? values[0][1] : Object.fromEntries(values)];
      }),
    );
  };
  const { packageVersion } = config;
  const restart = { ...group("restart"), ...(packageVersion && { packageVersion }) };
  return { live: group("live"), restart };
}

function classes(config: Config, host: HostConfig): Record<"live" | "restart", Settings> {
  const taken = liveNames(config, host);
  const line = new RegExp(`^(?!#)(?:sentinel )?(\\S+)(?: ${config.masterName})? (.*)$`, "gm");
  const settings = (daemon: Daemon, key: string, text: string, ofLive: boolean): Settings =>
    Object.fromEntries(
      [...text.matchAll(line)]
        .filter(([, name]) => taken[daemon].includes(name) === ofLive)
        .map(([, name, value]) => [`${key}.${name}`, value]),
    );
  const unit = (text: string) => `unit ${shortHash(text)}`;
  const { cluster, sentinel: daemon } = namesOf(config.instance);
  const redis = host.redis ? renderRedisConf(config, host) : "";
  const all = {
    live: settings("node", "redis", redis, true),
    restart: {
      ...settings("node", "redis", redis, false),
      ...(host.redis && { [`${cluster}.service`]: unit(renderNodeUnit(config)) }),
    },
  };
  if (!host.sentinel) return all;
  const sentinel = renderSentinelConf(config, host);
  return {
    live: {
      ...all.live,
      ...settings("sentinel", "sentinel", sentinel, true),
      "sentinel.quorum": String(config.quorum),
    },
    restart: {
      ...all.restart,
      ...settings("sentinel", "sentinel", sentinel, false),
      [`${daemon}.service`]: unit(renderSentinelUnit(config)),
    },
  };
}
