import { readFileSync } from "fs";
import { parseConfig, report } from "../components/config/load";
import { Settings } from "../components/directives/directive";
import { directives } from "../components/directives/settings";

/**
 * Prints the inventory for the playbook, made from a stack's configuration, so that both sides of the
 * comparison deploy the same. Reads `pulumi config --json --show-secrets` from stdin; prints passwords.
 */
function main(): void {
  const values = JSON.parse(readFileSync(0, "utf8")) as Record<
    string,
    { value: string; secret: boolean }
  >;
  const raw = Object.fromEntries(
    Object.entries(values).map(([key, { value }]) => [key.replace(/^.*:/, ""), value]),
  );
  const { config, problems } = parseConfig("dev", raw, () => true);
  if (!config) throw new Error(report("dev", problems));

  const hosts = Object.fromEntries(
    config.hosts.map(({ name, address, redis, sentinel }) => [
      name,
      {
        ansible_host: address,
        node_settings: redis,
        sentinel_settings: sentinel && sentinelLines(sentinel, config.masterName),
      },
    ]),
  );
  const sentinels = Object.fromEntries(
    config.hosts.filter(({ sentinel }) => sentinel).map(({ name }) => [name, {}]),
  );
  console.log(
    JSON.stringify({
      redis: {
        hosts,
        vars: {
          ansible_user: config.ssh.user,
          master_name: config.masterName,
          bootstrap_master: config.bootstrapMaster,
          quorum: config.quorum,
          node_port: config.nodePort,
          sentinel_port: config.sentinelPort,
          application_password: config.secrets.passwords.application,
          replication_password: config.secrets.passwords.replication,
          sentinel_password: config.secrets.passwords.sentinel,
          operator_password: config.secrets.passwords.operator,
        },
      },
      sentinels: { hosts: sentinels },
    }),
  );
}

/** The settings under their full names, as the file writes them. */
function sentinelLines(settings: Settings, masterName: string): Settings {
  const about = new Map(
    directives("sentinel").map((directive) => [directive.name, directive.about]),
  );
  const prefix = (name: string): string => (about.get(name) ? `sentinel ${name}` : name);
  const suffix = (name: string): string => (about.get(name) === "master" ? ` ${masterName}` : "");
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [prefix(name) + suffix(name), value]),
  );
}

main();
