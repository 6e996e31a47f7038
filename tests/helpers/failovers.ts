/** Failovers on the lab, and who is master by the nodes' own word. */
import { eventually, Host, hosts, info, meanwhileOn, Stack } from "./lab";

/** The one node that says it is master, and no other does. */
export async function master(dev: Stack): Promise<Host> {
  const roles = await Promise.all(
    hosts.map((host) =>
      info(dev, { host, daemon: "node" }, "replication").then(
        ({ role }) => role,
        () => "silent",
      ),
    ),
  );
  const masters = hosts.filter((_, i) => roles[i] === "master");
  if (masters.length !== 1) throw new Error(`masters: ${masters.join(", ")}`);
  return masters[0];
}

/** Until this host's node is linked to the one master. */
export async function linked(dev: Stack, host: Host): Promise<void> {
  await eventually(`${host} is a linked replica`, 60, async () => {
    const { role, master_link_status } = await info(dev, { host, daemon: "node" }, "replication");
    return role === "slave" && master_link_status === "up" && (await master(dev)) !== host;
  });
}

const dropIns = "/run/systemd/system/redis-cluster.service.d";

// Not waited for: while the sentinels do not agree yet who is master, a start fails and is tried again.
const failovers = {
  /** The process is killed and stays away until the others have a master. */
  async crash(dev: Stack, old: Host): Promise<void> {
    await meanwhileOn(
      old,
      `bash -c 'mkdir ${dropIns}; printf "[Service]\\nRestart=no\\n" > ${dropIns}/down.conf;` +
        " systemctl daemon-reload; systemctl kill --kill-who=main -s KILL redis-cluster'",
    );
    await eventually("another master", 60, async () => (await master(dev)) !== old);
    await meanwhileOn(
      old,
      `bash -c 'rm -r ${dropIns}; systemctl daemon-reload; systemctl start --no-block redis-cluster'`,
    );
  },
  /** The unit is stopped, which hands over, and started again. */
  async stop(dev: Stack, old: Host): Promise<void> {
    await meanwhileOn(old, "systemctl stop redis-cluster");
    await eventually("another master", 60, async () => (await master(dev)) !== old);
    await meanwhileOn(old, "systemctl start --no-block redis-cluster");
  },
};

export type Failover = keyof typeof failovers;

/** A failover that loses nothing by itself, and the old master back as a replica. */
export async function failOver(dev: Stack, how: Failover): Promise<string> {
  const old = await master(dev);
  await failovers[how](dev, old);
  await linked(dev, old);
  return `${how} of ${old}, ${await master(dev)} takes over`;
}
