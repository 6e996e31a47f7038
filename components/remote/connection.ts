import { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { HostConfig, TopologyConfig } from "../config/topology";

export type Connection = types.input.remote.ConnectionArgs;

// A firewall that counts new connections lets one in again after some seconds: Command waits 0.1 s before its second
// attempt, half as long again before each other, 11 s in all. A host that is away is reported within 45 s.
const patience = { dialErrorLimit: 10, perDialTimeout: 3 };

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
