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
export const credentials = pulumi.secret({
  username: "application",
  password: config.secrets.applicationPassword,
});
