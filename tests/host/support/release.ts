/** What releases of the test's hosts hold, and what they are called. */
import { readdirSync, readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";

import type { Host } from "./host";

export const masterName = "redis-test-cluster";
export const passwords = {
  replication: "replication-of-the-test-hosts-0123456789",
  sentinel: "sentinel-of-the-test-hosts-0123456789",
  operator: "operator-of-the-test-hosts-0123456789",
};
export const nodePort = 6389;
export const sentinelPort = 26389;
// What a running node of these tests takes.
const nodeLive = ["port", "tls-port", "tls-replication", "tls-auth-clients", "hz", "save"];
nodeLive.push("maxclients", "maxmemory", "maxmemory-policy", "client-output-buffer-limit");
nodeLive.push("min-replicas-to-write", "min-replicas-max-lag", "repl-backlog-size");

/** What a release of a host holds. members: the text of that file. */
export function releaseFiles(host: Host, members: string): Record<string, string> {
  const user = (name: keyof typeof passwords) =>
    `user ${name} on >${passwords[name]} ~* &* +@all\n`;
  return {
    "redis.conf": [
      `bind ${host.address}`,
      `port ${nodePort}`,
      `dir ${host.path("/var/lib/redis-cluster")}`,
      `replica-announce-ip ${host.address}`,
      "appendonly yes",
      "repl-diskless-sync-delay 0",
      "maxmemory-policy noeviction\n",
    ].join("\n"),
    live: [
      ...nodeLive.map((name) => `node ${name}\n`),
      "sentinel down-after-milliseconds\nsentinel failover-timeout\n",
    ].join(""),
    "sentinel.conf": [
      `bind ${host.address}`,
      `port ${sentinelPort}`,
      `dir ${host.root}`,
      `sentinel announce-ip ${host.address}`,
      `sentinel down-after-milliseconds ${masterName} 30000`,
      `sentinel failover-timeout ${masterName} 10000\n`,
    ].join("\n"),
    members,
    "users.acl": `user default off resetpass ~* &* +@all\n${user("operator")}${user("replication")}${user("sentinel")}`,
    "sentinel-users.acl": `user default off\n${user("operator")}${user("sentinel")}`,
    secrets: Object.entries(passwords)
      .map(([name, password]) => `${name} ${password}\n`)
      .join(""),
  };
}

/** The name of a release of the files in a directory. */
export function releaseHash(directory: string): string {
  const hash = (text: Buffer | string) => createHash("sha256").update(text).digest("hex");
  const names = readdirSync(directory).sort();
  const sums = names.map((name) => `${hash(readFileSync(join(directory, name)))}  ${name}\n`);
  return hash(sums.join("")).slice(0, 16);
}
