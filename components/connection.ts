import { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { HostConfig, TopologyConfig } from "./config/topology";

export type Connection = types.input.remote.ConnectionArgs;

// A host that is there answers at once: two retries cover a reboot's last second, and a host that is
// away is reported within half a minute instead of the provider's two and a half.
const patience = { dialErrorLimit: 3, perDialTimeout: 10 };

/** How every Command reaches this host: as the stack's SSH user, host keys pinned, through the bastion where there is one. */
export function connectionTo(host: HostConfig, config: TopologyConfig): pulumi.Input<Connection> {
  const { user, port, bastion } = config.ssh;
  const privateKey = config.secrets.sshPrivateKey;
  return {
    ...patience,
    host: host.sshHost,
    port,
    user,
    privateKey,
    hostKey: host.hostKey,
    ...(bastion && { proxy: { ...patience, ...bastion, privateKey } }),
  };
}
