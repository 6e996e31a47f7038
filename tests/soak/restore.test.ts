import {
  ask,
  everyNodeHas,
  failedUp,
  hosts,
  identities,
  lab,
  namedMaster,
  on,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
} from "../helpers/lab";
import { openVault } from "../helpers/vault";

// Backups in a second place that fails in all its ways, and groups that begin with a backup.

let dev: Stack;
const saving = "app-1";
const program = "/usr/local/lib/redis-cluster/redis-cluster";
const saved = "/var/lib/redis-cluster-backup";
const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);
const save = () => on(saving, "systemctl start redis-cluster-backup");
/** Saves, while the second place fails; returns what is told of that. */
const failedSave = () => {
  const before = newest();
  expect(save).toThrow();
  expect(newest() > before).toBe(true);
  return on(saving, `${program} backups | tail -n 1`);
};
const newest = () => on(saving, `ls ${saved} | grep ^2 | tail -n 1`);
const master = async () => (await namedMaster(dev)) as (typeof hosts)[number];

async function restored(name: string, count: number): Promise<void> {
  on(saving, `${program} restore ${name}`);
  await dev.stack.destroy();
  await dev.stack.up();
  await untilWhole();
  await everyNodeHas(dev, count);
  for (const host of hosts)
    expect(await ask(dev, { host, daemon: "node" }, "EXISTS", "later")).toBe(0);
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await set("backup.hosts[0]", saving);
  await set("backup.repository", "/mnt/backup");
  await dev.stack.setConfig(
    "redis-cluster:backupSecrets.RESTIC_PASSWORD",
    { value: "of-the-second-place", secret: true },
    true,
  );
  await dev.stack.up();
  await writeKeys(dev, await master(), 0, 1000);
});

it("a directory: not mounted, then full, then empty, each is told and nothing of the node's is filled", async () => {
  const before = await identities(dev);
  on(saving, "install -d -o redis /mnt/backup");
  expect(save).toThrow();
  expect(on(saving, `${program} backups 2>&1 || :`)).toContain(
    "/mnt/backup is on a file system of this host's own",
  );
  expect(on(saving, "ls /mnt/backup")).toBe("");

  lab("disk", saving, "/mnt/backup", "8m");
  on(saving, "chown redis /mnt/backup");
  save();
  const first = newest();
  const place = "/mnt/backup/redis-dev-cluster/app-1";
  expect(on(saving, `${program} backups | tail -n 1`)).toMatch(`${place}: ${first} 0 h`);

  on(saving, "head -c 8m /dev/zero >/mnt/backup/full || :");
  expect(failedSave()).toMatch(
    new RegExp(`${place}: ${first} .* THE LAST COPY FAILED .*no space left`),
  );
  on(saving, "rm /mnt/backup/full");
  save();
  expect(on(saving, `${program} backups | tail -n 1`)).toMatch(`${place}: ${newest()} 0 h`);

  on(saving, "mv /mnt/backup/redis-dev-cluster /mnt/backup/gone");
  expect(failedSave()).toContain("expected the repository that has held backups");
  on(saving, "mv /mnt/backup/gone /mnt/backup/redis-dev-cluster");
  expect(await identities(dev)).toEqual(before);
});

it("a group with an AOF begins with a backup; what it had before stays on that host", async () => {
  save();
  const name = newest();
  await ask(dev, { host: await master(), daemon: "node" }, "SET", "later", "lost");
  await restored(name, 1000);
  expect(on(saving, "ls /var/lib/redis-cluster/before-restore/*")).toContain("appendonlydir");
  expect((await dev.stack.preview({ expectNoChanges: true })).stdout).toContain("unchanged");
});

it("one without an AOF, on empty machines, begins with what only the second place has", async () => {
  await openVault(dev);
  await dev.stack.up();
  await writeKeys(dev, await master(), 1000, 500);
  await ask(dev, { host: await master(), daemon: "node" }, "WAIT", "2", "5000");
  save();
  const name = newest();
  await dev.stack.destroy();
  for (const host of hosts) lab("wipe", host);
  dev = await openStack("dev");
  await set("redis.appendonly", "no");
  await dev.stack.up();
  await ask(dev, { host: await master(), daemon: "node" }, "SET", "later", "lost");
  expect(on(saving, `${program} fetch-backup`)).toBe(name);
  on(saving, `${program} fetch-backup ${name}`);
  on(saving, `sudo -u redis ${program} prove-backup ${name}`);
  await restored(name, 1500);
});

it("a backup whose file was changed is restored by nobody: nothing is started", async () => {
  const name = newest();
  on(saving, `${program} restore ${name}; echo more >>${saved}/${name}/dump.rdb`);
  await dev.stack.destroy();
  expect(await failedUp(dev)).toContain("has another sum than its manifest");
  on(saving, `rm ${saved}/restore`);
  await dev.stack.up();
  await untilWhole();
  await everyNodeHas(dev, 1500);
});
