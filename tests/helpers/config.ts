import { parseConfig, secretOutputs } from "../../components/config/load";
import { TopologyConfig } from "../../components/config/topology";
import { Problem } from "../../components/config/problem";
import { sshKey } from "./sshKey";

export const keyPair = sshKey();

export const secrets = {
  sshPrivateKey: keyPair.private,
  applicationPassword: "app-password",
  replicationPassword: "replication-".padEnd(40, "r"),
  sentinelPassword: "sentinel-".padEnd(40, "s"),
  operatorPassword: "operator-".padEnd(40, "o"),
  monitoringPassword: "monitoring-".padEnd(40, "m"),
};

type Values = Record<string, unknown>;

/** A host as the configuration describes it, with what a test wants to be different. */
export const host = (address: string, more: Values = {}): Values => ({
  address,
  hostKey: keyPair.public,
  ...more,
});

/** A valid configuration of three hosts as Pulumi keeps it, with what a test wants to be different. */
export function rawConfig(more: Values = {}): Record<string, string> {
  const values: Values = {
    hosts: {
      console: host("10.77.0.11"),
      "app-1": host("10.77.0.12"),
      "app-2": host("10.77.0.13"),
    },
    bootstrapMaster: "console",
    ssh: { user: "deploy" },
    ...secrets,
    ...more,
  };
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

/** What is wrong with the valid configuration once it is different so. */
export function problemsOf(more: Values): Problem[] {
  return parseConfig("dev", rawConfig(more), () => true).problems;
}

/** The valid configuration as the components take it. Throws when the difference makes it invalid. */
export function topologyConfig(more: Values = {}): TopologyConfig {
  const { config, problems } = parseConfig("dev", rawConfig(more), () => true);
  if (!config) {
    throw new Error(JSON.stringify(problems));
  }
  return { ...config, secrets: secretOutputs(config.secrets) };
}

/** Three members, and more. */
export const hosts = (more: Values): Values => ({
  console: host("10.77.0.11"),
  "app-1": host("10.77.0.12"),
  "app-2": host("10.77.0.13"),
  ...more,
});

/** The problems as `KEY SEEN; expected EXPECTED`. */
export const said = (more: Record<string, unknown>): string[] =>
  problemsOf(more).map(({ key, seen, expected }) => `${key} ${seen}; expected ${expected}`);
