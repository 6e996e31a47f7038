import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Writer } from "../writer";
import { field, Group, replication, says } from "./support/group";
import { Host, masterName, Outcome, passwords, pause } from "./support/hosts";
import {
  Legacy,
  Migrating,
  legacyPassword as password,
  legacyPort as port,
} from "./support/legacy";

// From a legacy Redis into the group, on real daemons, under a writer that moves when the old one takes no more.

jest.setTimeout(240000);

/** The value of a sentinel's down-after-milliseconds while its master follows the legacy one. */
const held = "2147483647";

let migrating: Migrating;
let group: Group;
let legacy: Legacy;
let console_: Host;

beforeEach(async () => {
  migrating = await Migrating.begin();
  ({ group, legacy } = migrating);
  [console_] = group.all;
});

afterEach(() => migrating.end());

const migrate = (stage: string, ...more: string[]): Promise<Outcome> =>
  migrating.migrate(stage, `password ${password}`, ...more);
const following = () => field(replication(console_), "master_port") === String(port);
const downAfter = () =>
  group.all.map((host) => field(says(host, "MASTER", masterName), "down-after-milliseconds"));

/** An application of the legacy one, which goes to the group from `move` on. */
async function application(): Promise<{ writer: Writer; move: () => void }> {
  const places = group.all.map(({ address }) => `${address}:6389`);
  const natMap = Object.fromEntries(places.map((place) => [place, { host: legacy.address, port }]));
  const writer = await group.application({ natMap });
  return { writer, move: () => places.forEach((place) => delete natMap[place]) };
}

test("follows, cuts over and is final, under a writer: 0 lost, and the legacy one is as it was", async () => {
  await legacy.start();
  legacy.fill();
  const before = legacy.settings();
  const { writer, move } = await application();
  const followed = await migrate("follow");
  expect(followed).toMatchObject({ status: 0, stderr: "" });
  expect(followed.stdout).toMatch(
    new RegExp(
      `^${console_.address}:6389 follows ${legacy.address}:6379, \\d+ bytes behind; keys: db0 \\d+ of \\d+, db3 1 of 1; ` +
        `\\d+ of \\d+ keys by chance are the same; still connected there: 127.0.0.1 \\(no name\\), 3 connections`,
      "m",
    ),
  );
  expect(downAfter()).toEqual(group.all.map(() => held));
  const [, app1] = group.all;
  await app1.stop("sentinel", "SIGTERM");
  await app1.composeAndStart("sentinel");
  expect(downAfter()).toEqual(group.all.map(() => held));
  // Longer than sentinels would leave a master alone that says it is a replica.
  await pause(35_000);
  expect(following()).toBe(true);
  expect((await console_.run("migration")).stdout).toContain(`follows ${legacy.address}:6379`);
  expect((await migrate("follow")).status).toBe(0);

  move();
  const cut = await migrate("cutover");
  expect(cut.stderr).toBe("");
  expect(cut.stdout).toMatch(/^cut over from .*, not final yet; keys: .* \[[0-9a-f]{8}\]\n$/m);
  expect(downAfter()).toEqual(group.all.map(() => "6001"));
  await group.whole();
  expect(group.masters()).toEqual([console_]);
  expect((await migrate("cutover")).status).toBe(0);
  // Had it gone on to take writes, the application would learn so now.
  legacy.ask("CLIENT", "KILL", "TYPE", "normal");
  await pause(4000);
  const { lost, acknowledged } = await writer.stop();
  expect(lost).toBe(0);
  expect(acknowledged).toBeGreaterThan(1000);
  expect(legacy.settings()).toBe(before);
  expect(legacy.ask("-n", "3", "GET", "of")).toBe("three");
  expect(group.all.map((host) => host.ask("node", "DBSIZE"))).toEqual(
    group.all.map(() => "3500\n"),
  );

  // One that was started anew holds nothing.
  legacy.stop();
  await legacy.start();
  expect((await console_.run("migration")).stdout).toContain("it was started anew since, and may");
  expect((await migrate("cutover")).stderr).toContain("Its writes wait again");
  legacy.stop();
  expect((await migrate("cutover")).stdout).toContain("which does not answer any more");
  const final = await migrate("final");
  expect(final.status).toBe(0);
  expect((await console_.run("migration")).stdout).toBe(
    `cut over from ${legacy.address}:6379, final\n`,
  );
  expect(readFileSync(console_.path("migration"), "utf8")).not.toContain(password);
});

/** Has runs die at one of these stages, named by group.stage; see support/stages.py. */
const stages = `
from . import stages
from .migration_note import Note
from .source import Source

stages._wrap(Follower, "hold_sentinels", "held")
stages._wrap(Follower, "follow", "following")
stages._wrap(Migration, "differences", "compared")
stages._wrap(Migration, "switch", "promoted")
stages._wrap(Follower, "settle", "settled")
_keep = Note.keep
def _noted(note: Note) -> None:
    _keep(note)
    if note.stage == "switching":
        stages._reached("noted")
Note.keep = _noted
`;

test("killed at each stage it is finished by the next run, and loses nothing", async () => {
  await legacy.start();
  legacy.fill();
  appendFileSync(join(group.directory, "redis_cluster", "migrate.py"), stages);
  const { writer, move } = await application();
  const killed = async (stage: string, at: string) => {
    group.stage(`kill ${at}`);
    expect((await migrate(stage)).stderr).toContain("was ended by signal 9");
    group.stage("");
  };
  const takesWrites = () => legacy.ask("SET", "mine", "1") === "OK";

  await killed("follow", "held");
  expect(following()).toBe(false);
  await killed("follow", "following");
  expect(following()).toBe(true);
  expect((await migrate("follow")).status).toBe(0);

  await killed("cutover", "compared");
  expect(following()).toBe(true);
  // Writes go on by themselves.
  await pause(11_000);
  expect(takesWrites()).toBe(true);
  await killed("cutover", "noted");
  expect(following()).toBe(true);
  // Not yet cut over, so this is no way back: nothing is thrown away.
  expect((await migrate("follow")).status).toBe(0);
  expect(takesWrites()).toBe(true);
  await killed("cutover", "noted");
  move();
  await killed("cutover", "promoted");
  expect(following()).toBe(false);
  expect(downAfter()).toEqual(group.all.map(() => held));
  await killed("cutover", "settled");
  expect((await migrate("cutover")).stdout).toContain("cut over from");
  await group.whole();
  expect(downAfter()).toEqual(group.all.map(() => "6001"));
  await pause(4000);
  const { lost, acknowledged } = await writer.stop();
  expect(lost).toBe(0);
  expect(acknowledged).toBeGreaterThan(1000);
  expect(group.all.map((host) => host.ask("node", "GET", "mine"))).toEqual(
    group.all.map(() => "1\n"),
  );
});

test("goes back until it is final, and throws nothing away without consent", async () => {
  await legacy.start();
  legacy.fill();
  console_.ask("node", "SET", "own", "1");
  const refused = await migrate("follow");
  expect(refused.stderr).toContain(
    `${console_.address}:6389 has 1 keys in db0, which would be thrown away when it follows ${legacy.address}:6379`,
  );
  expect(downAfter()).toEqual(group.all.map(() => "6001"));
  const consent = async (stage: string, { stderr }: Outcome) =>
    migrate(stage, `# override ${/config set override ([0-9a-f]{16})/.exec(stderr)![1]}`);
  expect((await migrate("final")).stderr).toContain("has not been cut over");
  expect((await consent("follow", refused)).status).toBe(0);
  expect(console_.ask("node", "EXISTS", "own")).toBe("0\n");
  expect(console_.ask("node", "SET", "own", "1")).toContain("READONLY");

  // Without a write here, back costs nothing.
  expect((await migrate("cutover")).status).toBe(0);
  expect((await migrate("follow")).status).toBe(0);
  expect(legacy.ask("SET", "again", "1")).toBe("OK");
  expect((await migrate("cutover")).status).toBe(0);
  console_.ask("node", "SET", "new", "1");
  console_.ask("node", "DEL", "again");
  const back = await migrate("follow");
  expect(back.stderr).toMatch(/and has taken 2 writes since the cutover, which would be/);
  expect(console_.ask("node", "GET", "new")).toBe("1\n");
  expect((await consent("follow", back)).status).toBe(0);
  expect(console_.ask("node", "EXISTS", "new", "again")).toBe("1\n");

  // Taken out of the stack, the group goes on with what it has.
  const stopped = await console_.run("migrate", "stop");
  expect(stopped.stdout).toContain(`follows ${legacy.address}:6379 no more, and keeps what it has`);
  await group.whole();
  expect(downAfter()).toEqual(group.all.map(() => "6001"));
  expect(console_.ask("node", "GET", "again")).toBe("1\n");
  expect(existsSync(console_.path("migration"))).toBe(false);
});

test("refuses a legacy one that the group cannot copy", async () => {
  await legacy.start("--databases", "20");
  legacy.ask("SET", "big", "x".repeat(100));
  const more = group.all[1];
  more.ask("node", "CONFIG", "SET", "maxmemory", "100kb");
  const { status, stderr } = await migrate("follow");
  expect(status).not.toBe(0);
  expect(stderr).toContain("it has 20 databases, the node on console 16; expected as many");
  expect(stderr).toContain("and redis.maxmemory on app-1 is 102400; expected room");
  expect(following()).toBe(false);
  legacy.ask("CONFIG", "SET", "requirepass", "another");
  expect((await migrate("follow")).stderr).toMatch(/does not answer: WRONGPASS.*migratePassword/);

  // By a user of its own, and without any password.
  const asked = async (input: string) =>
    (await console_.feed(input, "migrate", "follow", legacy.address, String(port))).stderr;
  expect(await asked(`user operator\npassword ${passwords.operator}`)).toContain("20 databases");
  expect(await asked("")).toMatch(/does not answer: NOAUTH/);
  legacy.stop();
  await legacy.start("--databases", "18", "--user", "default", "on", "nopass", "~*", "&*", "+@all");
  expect(await asked("")).toContain("18 databases");
});
