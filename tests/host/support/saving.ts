/** A group with data, and what the unit of a backup calls there. */
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { Group } from "./group";
import { Host, Outcome } from "./hosts";

export const directory = "/var/lib/redis-cluster-backup";

/** As the unit has it: by redis. */
export const called = (host: Host, ...verb: string[]): Promise<Outcome> =>
  host.python(`from redis_cluster.commands import main\nsys.exit(main(${JSON.stringify(verb)}))`);

/** The names of the backups there, the oldest first. */
export const backupsOf = (host: Host): string[] =>
  readdirSync(host.path(directory))
    .filter((name) => !["copied.json", "restore"].includes(name))
    .sort();

/** A group with 500 keys, and one that expires soon; its first master and a replica save. */
export async function savingGroup(): Promise<{ group: Group; master: Host; replica: Host }> {
  const group = new Group();
  await group.begin();
  const [master, replica] = group.all;
  // systemd makes it.
  for (const host of [master, replica]) {
    mkdirSync(host.path(directory));
    chmodSync(host.path(directory), 0o777);
  }
  master.ask("node", "EVAL", "for i = 1, 500 do redis.call('SET', 'key' .. i, i) end", "0");
  // Expired when it is proven, and none the less saved.
  master.ask("node", "SET", "short", "lived", "PX", "1500");
  master.ask("node", "WAIT", "2", "5000");
  return { group, master, replica };
}
