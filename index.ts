import * as pulumi from "@pulumi/pulumi";
import { loadConfig } from "./components/config/load";
import { groupPorts, nodeHosts } from "./components/config/topology";
import { ReplicationTopology } from "./components/replicationTopology";

const config = loadConfig();
const topology = new ReplicationTopology("redis", { config });

export const { masterName, quorum } = config;
/** Where the group itself goes, and clients without TLS; with `tls.mode: required` the same as in `tls`. */
export const { node: nodePort, sentinel: sentinelPort } = groupPorts(config);
const { hosts } = config;
const sentinelHosts = hosts.filter(({ sentinel }) => sentinel !== undefined);
const endpoints = (members: typeof hosts, port: number) =>
  members.map(({ address }) => ({ host: address, port }));
export const nodeEndpoints = endpoints(nodeHosts(hosts), nodePort);
export const sentinelEndpoints = endpoints(sentinelHosts, sentinelPort);
/** Where clients go by TLS, and whom they trust; undefined without TLS. In the order of the endpoints above. */
export const tls = config.tls && {
  mode: config.tls.mode,
  authority: topology.certificates?.authority,
  nodeEndpoints: endpoints(nodeHosts(hosts), config.tls.nodePort),
  sentinelEndpoints: endpoints(sentinelHosts, config.tls.sentinelPort),
};
/** What clients may show by TLS: certificate and key; undefined where the stack brings its own certificates. */
export const clientCertificate = topology.certificates?.client;
/** Where the master was when the group was last looked at; clients ask the sentinels. */
export const currentMaster = topology.currentMaster;
/** How far the move from the legacy Redis is, as last seen; undefined without migrateFrom. */
export const migration = topology.migration;
/** By user: what an application logs in with, on nodes and sentinels alike. */
export const credentials = pulumi.secret(
  Object.fromEntries(
    config.users.map(({ name }) => [
      name,
      { username: name, password: config.secrets.passwords[name] },
    ]),
  ),
);
