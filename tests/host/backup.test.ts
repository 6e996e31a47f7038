import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { Group } from "./support/group";
import { Host } from "./support/hosts";
import { backupsOf, called, directory, savingGroup } from "./support/saving";

jest.setTimeout(120000);

// What the unit of the backup calls, on nodes that hold data.

let group: Group;
let master: Host, replica: Host;

const names = () => backupsOf(replica);
const newest = () => names().slice(-1)[0];
const json = (file: string) =>
  JSON.parse(replica.read(`${directory}/${newest()}/${file}`)) as Record<string, unknown>;

beforeAll(async () => ({ group, master, replica } = await savingGroup()));
afterAll(() => group.destroy());

test("a replica is saved: file, sum and manifest, and the proof finds what was saved", async () => {
  const saved = await called(replica, "backup", "2");
  expect(saved).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/: 501 keys, /) as string,
  });
  expect(json("manifest.json")).toMatchObject({
    host: replica.name,
    role: "slave",
    keys: { db0: 501 },
    release: "one",
    offset: expect.any(Number) as number,
  });
  expect(await replica.run("backups")).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(
      /^\S+ 0 h 0 min old, 501 keys, \d+ bytes, not proven\n$/,
    ) as string,
  });
  await new Promise((resolve) => setTimeout(resolve, 1600));
  expect(await called(replica, "prove-backup")).toMatchObject({
    status: 0,
    stderr: expect.stringContaining("is proven: it loads") as string,
  });
  expect(json("proof.json")).toMatchObject({ keys: { db0: 501 }, problems: [] });
  // As the second proof has it, by the digest of the first.
  expect(await called(replica, "prove-backup")).toMatchObject({ status: 0 });
  expect((await replica.run("backups")).stdout).toMatch(/ proven \d{8}T\d{6}Z\n$/);
});

test("the administrator's unit runs what the release's own calls", async () => {
  const before = names();
  const program = "ExecStart=/usr/local/lib/redis-cluster/redis-cluster";
  const lines = [`${program} backup 3`, "ExecStart=/bin/false", `${program} prove-backup`];
  replica.write("current/redis-cluster-backup.service", `${lines.join("\n")}\n`);
  expect(await called(replica, "run-backup")).toMatchObject({ status: 0 });
  expect(names()).toHaveLength(before.length + 1);
  expect(json("proof.json")).toMatchObject({ problems: [] });
  rmSync(replica.path("current/redis-cluster-backup.service"));
  // Nothing is asked for; but root's part knows the verb.
  expect(await replica.run("run-backup")).toMatchObject({ status: 0, stderr: "" });
});

test("the newest are kept, and nothing of a run that was killed", async () => {
  const first = newest();
  replica.write(`${directory}/.part/dump.rdb`, "half");
  chmodSync(replica.path(`${directory}/.part`), 0o777);
  // Some of them in one second: each has a name of its own.
  for (let count = 0; count < 3; count++) {
    const before = newest();
    expect(await called(replica, "backup", "2")).toMatchObject({
      status: 0,
      stderr: expect.stringContaining(": 500 keys, ") as string,
    });
    expect(newest() > before).toBe(true);
  }
  expect(names()).toHaveLength(2);
  expect(names()).not.toContain(first);
});

test("a master is not saved, unless no other host saves", async () => {
  expect(await called(master, "backup", "2")).toMatchObject({
    status: 0,
    stderr: expect.stringContaining("no backup from this node: it is the master") as string,
  });
  expect(readdirSync(master.path(directory))).toEqual([]);
  expect((await master.run("backups")).status).toBe(1);
  expect(await called(master, "backup", "2", "alone")).toMatchObject({ status: 0 });
  expect(readdirSync(master.path(directory))).toHaveLength(1);
});

const second = "sftp:redis@10.77.0.5:/srv/group/app-1";
/** Stands for restic: a place that is a directory. It notes what it is called with. */
const restic = `
root=$REDIS_CLUSTER_ROOT
echo "$RESTIC_REPOSITORY $RESTIC_PASSWORD: $*" >>$root/restic.log
if [[ -e $root/dead ]]; then printf '%s\\n' "Fatal: no route to host" main.main "	restic/main.go:98" >&2; exit 1; fi
while [[ $1 == -* ]]; do [[ $1 != -o ]] || shift; shift; done
path=\${@: -1} store=$root/second
case $1 in
  cat) cat $store/config || { echo "Fatal: no repository" >&2; exit 1; } ;;
  init) mkdir -p $store; touch $store/config ;;
  backup) cp -r "$path" $store/ ;;
  snapshots) cd $store; printf '%s\\n' 2* | sed 's!.*!{"paths":["/b/&"]}!' | paste -sd, | sed 's!.*![&]!' ;;
  dump) cat "$store/\${path#/b/}" ;;
esac`;
const calls = () =>
  replica.read("/restic.log").replaceAll(/ --no-cache --quiet -o sftp.command=.* -s sftp/g, "");

test("what is proven goes to the second place, and how it is there is told", async () => {
  replica.program("restic", restic);
  replica.write("releases/one/backup.env", `RESTIC_REPOSITORY=${second}\nRESTIC_PASSWORD=hidden\n`);
  expect(await replica.run("backups")).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(`${second}: none yet\n$`) as string,
  });
  expect(await called(replica, "copy-backup", "2")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("is not proven, so it is not copied") as string,
  });
  expect(existsSync(replica.path("/restic.log"))).toBe(false);

  expect(await called(replica, "prove-backup")).toMatchObject({ status: 0 });
  expect(await called(replica, "copy-backup", "2")).toMatchObject({ status: 0 });
  const place = `${second} hidden:`;
  expect(calls().trim().split("\n")).toEqual([
    `${place} cat config`,
    `${place} init`,
    `${place} unlock`,
    `${place} backup --host ${replica.name} ${replica.path(`${directory}/${newest()}`)}`,
    `${place} forget --group-by  --keep-last 2 --prune`,
  ]);
  expect(replica.read("/restic.log")).toMatch(
    /sftp.command=ssh -F none .*StrictHostKeyChecking=yes .* -p 22 redis@10.77.0.5 -s sftp /,
  );
  expect(await replica.run("backups")).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(`${second}: ${newest()} 0 h 0 min old\n$`) as string,
  });
  expect((await called(replica, "copy-backup", "2")).stderr).toContain("is in");
});

test("a dead second place is told, and what is here and what was there stay", async () => {
  const before = [names(), newest()];
  expect(await called(replica, "backup", "3")).toMatchObject({ status: 0 });
  expect(await called(replica, "prove-backup")).toMatchObject({ status: 0 });
  replica.write("/dead", "");
  const { status, stderr } = await called(replica, "copy-backup", "2");
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/is safe here; sftp:\S+ failed: Fatal: no route to host; expected the/),
  ]);
  expect(names()).toEqual([...before[0], newest()].sort());
  const { stdout } = await replica.run("backups");
  expect(stdout).toMatch(`${second}: ${String(before[1])} 0 h 0 min old, THE LAST COPY FAILED `);
  rmSync(replica.path("/dead"));
  expect(await called(replica, "copy-backup", "2")).toMatchObject({ status: 0 });
  expect((await replica.run("backups")).stdout).toContain(`${second}: ${newest()} 0 h 0 min old\n`);
});

test("one that was there and is not is never begun anew", async () => {
  expect(await called(replica, "backup", "3")).toMatchObject({ status: 0 });
  expect(await called(replica, "prove-backup")).toMatchObject({ status: 0 });
  renameSync(replica.path("/second"), replica.path("/elsewhere"));
  const { status, stderr } = await called(replica, "copy-backup", "2");
  expect([status, stderr]).toEqual([1, expect.stringContaining("expected the repository that")]);
  expect(existsSync(replica.path("/second"))).toBe(false);
  renameSync(replica.path("/elsewhere"), replica.path("/second"));
});

test("a directory of the node's own disk is no second place", async () => {
  const place = replica.path("/mnt/group/app-1");
  mkdirSync(replica.path("/mnt"));
  replica.write("releases/one/backup.env", `RESTIC_REPOSITORY=${place}\nRESTIC_PASSWORD=hidden\n`);
  const { status, stderr } = await called(replica, "copy-backup", "2");
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/is on a file system of this host's own; expected a volume/),
  ]);
  replica.write("releases/one/backup.env", `RESTIC_REPOSITORY=${second}\nRESTIC_PASSWORD=hidden\n`);
});

test("what is in the second place comes back, whole or not at all", async () => {
  expect(await called(replica, "copy-backup", "3")).toMatchObject({ status: 0 });
  expect((await called(replica, "fetch-backup")).stdout).toContain(newest());
  expect((await called(replica, "fetch-backup", newest())).stderr).toContain("is there already");
  expect((await called(replica, "fetch-backup", "20200101T000000Z")).stderr).toContain("is not in");

  rmSync(replica.path(`${directory}/${newest()}`), { recursive: true });
  const there = readdirSync(replica.path("/second")).filter((each) => each.startsWith("2"));
  const gone = there.slice(-1)[0];
  const file = replica.path(`/second/${gone}/dump.rdb`);
  chmodSync(file, 0o666);
  const whole = readFileSync(file);
  appendFileSync(file, "more");
  const { status, stderr } = await called(replica, "fetch-backup", gone);
  expect([status, stderr]).toEqual([1, expect.stringMatching(/came with the sum \w+; expected/)]);
  expect(readdirSync(replica.path(directory))).not.toContain(gone);
  writeFileSync(file, whole);
  expect(await called(replica, "fetch-backup", gone, "app-1")).toMatchObject({ status: 0 });
  expect(await called(replica, "prove-backup", gone)).toMatchObject({ status: 0 });
});

test("a file that was changed since fails its proof, and is told from then on", async () => {
  const file = replica.path(`${directory}/${newest()}/dump.rdb`);
  chmodSync(file, 0o640);
  appendFileSync(file, "more");
  const { status, stderr } = await called(replica, "prove-backup");
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/is not what was saved: sha256: wanted \w+, seen \w+\. Look at it/),
  ]);
  expect((await replica.run("backups")).stdout).toContain("PROOF FAILED");
});

describe("a drill", () => {
  const proofOf = (name: string) => `${directory}/${name}/proof.json`;
  const long = "20200101T000000Z";
  const age = (file: string) =>
    replica.write(file, replica.read(file).replace(/("time": ")\w+/, `$1${long}`));
  const drill = () => called(replica, "drill-backups", "7");
  const backups = async () => (await replica.run("backups")).stdout;

  test("proves again what lies here, and the newest of the second place, and leaves no copy", async () => {
    // The case before has damaged the newest.
    rmSync(replica.path(`${directory}/${newest()}`), { recursive: true });
    for (const verb of [["backup", "3"], ["prove-backup"], ["copy-backup", "3"]])
      expect(await called(replica, ...verb)).toMatchObject({ status: 0 });
    const [oldest] = names();
    expect(names().length).toBeGreaterThan(1);
    age(proofOf(oldest));
    const before = replica.read(proofOf(newest()));
    expect(await drill()).toMatchObject({
      status: 0,
      stderr: expect.stringContaining(oldest) as string,
    });
    expect(replica.read(proofOf(oldest))).not.toContain(long);
    expect(replica.read(proofOf(newest()))).toBe(before);
    expect(await backups()).toMatch(
      new RegExp(`${second}: ${newest()} 0 h 0 min old, ${newest()} there proven \\w+\n$`),
    );
    expect(readdirSync(replica.path(directory))).not.toContain(".drill");
    // As its unit calls it, by root's part too.
    expect((await replica.run("drill-backups", "0")).stderr).toContain("after how many days");
    // Nothing is due.
    expect(await drill()).toMatchObject({ status: 0, stderr: "" });
    // The date outlives a later copy.
    for (const verb of [["backup", "3"], ["prove-backup"], ["copy-backup", "3"]])
      expect(await called(replica, ...verb)).toMatchObject({ status: 0 });
    expect(await backups()).toMatch(/ there proven \w+\n$/);
  });

  test("finds what was damaged here and there, tells all, and again until it is gone", async () => {
    const [oldest] = names();
    const here = replica.path(`${directory}/${oldest}/dump.rdb`);
    const there = replica.path(`/second/${newest()}/dump.rdb`);
    const whole = readFileSync(there);
    // One byte, as a disk has it.
    for (const file of [here, there]) {
      const bytes = readFileSync(file);
      bytes[bytes.length - 20] ^= 1;
      chmodSync(file, 0o640);
      writeFileSync(file, bytes);
    }
    age(proofOf(oldest));
    age(`${directory}/copied.json`);
    for (let count = 0; count < 2; count++) {
      const { status, stderr } = await drill();
      expect(status).toBe(1);
      expect(stderr).toContain(`${oldest} is not what was saved`);
      expect(stderr).toMatch(`${second}: ${newest()} is not what was saved: `);
      expect(stderr).toMatch(/the drill failed for \S+ and sftp:\S+: see above\. Look at it;/);
    }
    expect(await backups()).toMatch(
      new RegExp(`^${oldest} .* PROOF FAILED\n[^]* there PROOF FAILED\n$`),
    );
    expect(replica.ask("node", "PING").trim()).toBe("PONG");
    writeFileSync(there, whole);
    rmSync(dirname(here), { recursive: true });
    expect(await drill()).toMatchObject({ status: 0 });
    expect(await backups()).not.toContain("FAILED");
  });

  test("tells a second place that is dead, or no room, and forgets no proof", async () => {
    age(`${directory}/copied.json`);
    replica.write("/dead", "");
    const { status, stderr } = await drill();
    rmSync(replica.path("/dead"));
    expect([status, stderr]).toEqual([1, expect.stringContaining("Fatal: no route to host")]);
    const full = await replica.python(`
import os
from redis_cluster import drill, repository
repository.os.statvfs = lambda path: os.statvfs_result((4096, 4096, 1000, 1, 1, 0, 0, 0, 0, 255))
drill.drill_backups("7")`);
    expect([full.status, full.stderr]).toEqual([
      1,
      expect.stringMatching(/lacks \d+ MiB for \w+; expected room for it/),
    ]);
    expect(readdirSync(replica.path(directory))).not.toContain(".drill");
    expect(await backups()).toContain(`there proven ${long}`);
    expect(await drill()).toMatchObject({ status: 0 });
  });
});

test("a save that fails leaves nothing, and the backups before it", async () => {
  const before = names();
  replica.program("redis-check-rdb", "exit 1");
  const { status, stderr } = await called(replica, "backup", "2");
  rmSync(replica.path("/usr/bin/redis-check-rdb"));
  expect([status, stderr]).toEqual([1, expect.stringContaining("it is damaged, or the node")]);
  expect(names()).toEqual(before);
});

test("a replica that has lost its master fails, and saves nothing", async () => {
  const before = names();
  replica.ask("node", "REPLICAOF", "127.0.0.1", "1");
  const { status, stderr } = await called(replica, "backup", "2");
  expect([status, stderr]).toEqual([
    1,
    expect.stringContaining("no backup: it is a replica whose link to its master is down"),
  ]);
  expect(names()).toEqual(before);
  replica.ask("node", "REPLICAOF", master.address, "6389");
  await group.whole();
});

test("without room nothing is saved, and the node is not asked to", async () => {
  const before = names();
  const asked = () => /rdb_saves:(\d+)/.exec(replica.ask("node", "INFO", "persistence"))?.[1];
  const saves = asked();
  const { status, stderr } = await replica.python(`
import os
from redis_cluster import backup
backup.os.statvfs = lambda path: os.statvfs_result((4096, 4096, 1000, 1, 1, 0, 0, 0, 0, 255))
backup.backup("2", False)`);
  expect([status, stderr]).toEqual([1, expect.stringMatching(/lacks \d+ MiB; expected room for/)]);
  expect([names(), asked()]).toEqual([before, saves]);
  expect(existsSync(replica.path(`${directory}/.part`))).toBe(false);
});
