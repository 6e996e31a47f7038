import * as pulumi from "@pulumi/pulumi";
import { loadConfig } from "./components/config";
import { ReplicationTopology } from "./components/replicationTopology";

const config = loadConfig();
const topology = new ReplicationTopology("redis", { config });

export const { masterName, quorum, nodePort, sentinelPort } = config;
export const nodeEndpoints = config.hosts.map(({ address }) => ({ host: address, port: nodePort }));
export const sentinelEndpoints = config.hosts
  .filter(({ sentinel }) => sentinel !== undefined)
  .map(({ address }) => ({ host: address, port: sentinelPort }));
/** Where the master was when the group was last looked at; clients ask the sentinels. */
export const currentMaster = topology.currentMaster;
/** By user: what an application logs in with, on nodes and sentinels alike. */
export const credentials = pulumi.secret(
  Object.fromEntries(
    config.users.map(({ name }) => [
      name,
      { username: name, password: config.secrets.passwords[name] },
    ]),
  ),
);
