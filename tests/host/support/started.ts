/** Daemons that run as a test wants them, whatever the program would have them do. */
import { Host, passwords } from "./hosts";

/** A running sentinel that names the host, and hears of no other because no node carries its greetings. */
export async function sentinelNaming(on: Host, watched: Host | string, epoch = 0): Promise<void> {
  on.lastSentinelFile(watched, epoch);
  await on.start("sentinel");
}

/** A running sentinel that has not been told of the group. */
export async function sentinelKnowingNobody(on: Host): Promise<void> {
  on.lastSentinelFile(on);
  on.write("redis-sentinel.conf", on.read("redis-sentinel.conf").replace(/^sentinel .*\n/gm, ""));
  await on.start("sentinel");
}

/** A running node, with data or without. */
export async function node(on: Host, follows?: Host, keys = 0, more: string[] = []): Promise<void> {
  const lines = [
    on.read("current/redis.conf"),
    `aclfile ${on.path("current/users.acl")}`,
    "masteruser replication",
    `masterauth ${passwords.replication}`,
    ...(follows ? [`replicaof ${follows.address} 6389`] : []),
    ...more,
  ];
  on.write("redis-cluster.conf", lines.join("\n") + "\n");
  if (keys > 0) on.fill(keys);
  await on.start("node");
}

/** A node that loads for twenty seconds, and answers meanwhile. */
export async function loadingNode(on: Host, follows: Host): Promise<void> {
  await node(on, follows, 20000, [
    "key-load-delay 1000",
    "loading-process-events-interval-bytes 1024",
  ]);
  expect(on.ask("node", "ping")).toContain("LOADING");
}
