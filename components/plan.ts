import * as pulumi from "@pulumi/pulumi";
import { createHash } from "crypto";
import { Certificates } from "./certificates";
import { TopologyConfig } from "./config/topology";
import { hostPrograms } from "./hostProgram";
import {
  renderBackupUnits,
  renderFirewall,
  renderFirewallUnit,
  renderKernelUnit,
  renderMembers,
  renderNodeUnit,
  renderNodeUsers,
  renderRedisConf,
  renderSecrets,
  renderSentinelConf,
  renderSentinelUnit,
  renderSentinelUsers,
} from "./render";

/**
 * All that goes to the hosts of the group, as a hash: an override is good for this plan alone. The hash is no secret:
 * whoever wants to try a weak password against it has to know the group's own as well, which are long.
 */
export function planOf(config: TopologyConfig, certificates?: Certificates): pulumi.Output<string> {
  const texts = [
    JSON.stringify(hostPrograms()),
    ...config.hosts.flatMap((host) => [
      renderRedisConf(config, host),
      renderMembers(config, host),
      ...Object.values(renderBackupUnits(config, host.name)),
      ...(host.sentinel ? [renderSentinelConf(config, host)] : []),
    ]),
    ...[renderNodeUsers(config), renderSentinelUsers(config), renderFirewall(config)],
    ...[renderNodeUnit(config), renderSentinelUnit(config), renderFirewallUnit(config)],
    renderKernelUnit(config),
  ];
  const hash = pulumi
    .all([
      renderSecrets(config.secrets),
      certificates?.authority,
      // In one order, whatever came in which.
      certificates?.hosts.apply((own) =>
        config.hosts.map(({ name }) => own[name].certificate + own[name].key).join(""),
      ),
    ])
    .apply((more) =>
      createHash("sha256")
        .update(JSON.stringify([texts, more]))
        .digest("hex"),
    );
  return pulumi.unsecret(hash.apply((digits) => digits.slice(0, 16)));
}
