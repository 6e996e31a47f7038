import * as pulumi from "@pulumi/pulumi";
import { createHash } from "crypto";
import { Certificates } from "../certificates";
import { TopologyConfig } from "../config/topology";
import { programHash } from "../remote/hostProgram";
import { nodeFiles, sentinelFiles } from "./manifest";
import { renderSecrets } from "./render";

/**
 * All that goes to the hosts of the group, as a hash: an override is good for this plan alone. The hash is no secret:
 * whoever wants to try a weak password against it has to know the group's own as well, which are long.
 */
export function planOf(config: TopologyConfig, certificates?: Certificates): pulumi.Output<string> {
  const texts = [
    programHash(),
    config.backup,
    ...config.hosts.map((host) => [
      nodeFiles(config, host),
      host.sentinel ? sentinelFiles(config, host) : {},
    ]),
  ];
  const hash = pulumi
    .all([
      renderSecrets(config.secrets),
      pulumi.all(config.secrets.backupSecrets),
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
