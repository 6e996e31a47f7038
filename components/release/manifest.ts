/** The files of a release, by the component that stages them. None of them is secret; "secrets" and the certificate are. */
import { HostConfig } from "../config/topology";
import { namesOf } from "../names";
import { liveNames } from "./live";
import {
  Config,
  render,
  renderBackupUnits,
  renderFirewall,
  renderFirewallUnit,
  renderKernelUnit,
  renderMembers,
  renderNodeUnit,
  renderNodeUsers,
  renderRedisConf,
  renderSentinelConf,
  renderSentinelUnit,
  renderSentinelUsers,
} from "./render";

/**
 * What a host's node, where it has one, is composed from and what stands beside the daemons, and which of its host's
 * settings running daemons take.
 */
export function nodeFiles(config: Config, host: HostConfig): Record<string, string> {
  const backup = renderBackupUnits(config, host.name);
  const { cluster } = namesOf(config.instance);
  return {
    ...(host.redis && { "redis.conf": renderRedisConf(config, host) }),
    live: render("live", liveNames(config, host)),
    members: renderMembers(config, host),
    ...(host.redis && {
      "users.acl": renderNodeUsers(config),
      [`${cluster}.service`]: renderNodeUnit(config),
    }),
    "firewall.nft": renderFirewall(config),
    [`${cluster}-firewall.service`]: renderFirewallUnit(config),
    [`${cluster}-kernel.service`]: renderKernelUnit(config),
    [`${cluster}-backup.service`]: backup.service,
    [`${cluster}-backup.timer`]: backup.timer,
  };
}

/** What a host's sentinel is composed from. */
export function sentinelFiles(config: Config, host: HostConfig): Record<string, string> {
  return {
    "sentinel.conf": renderSentinelConf(config, host),
    "sentinel-users.acl": renderSentinelUsers(config),
    [`${namesOf(config.instance).sentinel}.service`]: renderSentinelUnit(config),
  };
}
