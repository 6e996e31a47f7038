import { execFileSync, spawn } from "node:child_process";
import {
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pretendDebian } from "./support/deployed";
import { Host, Hosts, Outcome } from "./support/hosts";

// What a user redis that somebody has taken over leaves where root reads and writes.

jest.setTimeout(30000);

const isRoot = process.getuid?.() === 0;
const id = (flag: string) =>
  isRoot ? Number(execFileSync("id", [flag, "redis"])) : Number(execFileSync("id", [flag]));
const [uid, gid] = [id("-u"), id("-g")];

/** The release that is current, and another one. */
const [release, other] = ["0000000000000001", "0000000000000002"];

let hosts: Hosts;
let host: Host;
/** A file of root's that is not to be read, and one that is not to come about. */
let secret: string;
let victim: string;

beforeEach(() => {
  hosts = new Hosts();
  [host] = hosts.all;
  secret = join(hosts.directory, "shadow");
  victim = join(hosts.directory, "victim");
  writeFileSync(secret, "root:hash-of-root\n", { mode: 0o600 });
  host.release(release);
  for (const program of ["systemctl", "systemd-run"]) host.program(program);
});

afterEach(async () => {
  expect(existsSync(victim)).toBe(false);
  expect(readFileSync(secret, "utf8")).toBe("root:hash-of-root\n");
  expect(lstatSync(secret).mode & 0o777).toBe(0o600);
  await hosts.destroy();
});

const plantLink = (file: string, target: string) => {
  rmSync(host.path(file), { force: true });
  symlinkSync(target, host.path(file));
  lchownSync(host.path(file), uid, gid);
};

const plantPipe = (file: string) => {
  rmSync(host.path(file), { force: true });
  execFileSync("mkfifo", [host.path(file)]);
  chownSync(host.path(file), uid, gid);
};

const plantFile = (file: string, text: string) => {
  host.write(file, text);
  chownSync(host.path(file), uid, gid);
};

/** The step where the node runs, and answers nobody. */
async function nodeStart(): Promise<Outcome> {
  host.program("systemctl", "[[ $1 != is-active ]] || echo active");
  for (const [file, text] of Object.entries(host.releaseFiles()))
    host.write(`staged/${file}`, text);
  host.write("staged/secrets", `operator x\nhash reports ${"a".repeat(64)}\n`);
  return host.tell("node-start", []);
}

/** The end of a step of a node that runs with all that this release says. */
const runsAll = (hash: string) =>
  host.python(`from redis_cluster.acts import act
from redis_cluster.release import note_release
note_release("node", "${hash}")
act("mark", "initialised")`);

const claim = () =>
  host.feed(
    "owner a/b\nnode-port 1\nsentinel-port 2\n==> end <==\n",
    "claim",
    "node",
    "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
  );

const isRedisFile = (file: string) => {
  const stat = lstatSync(host.path(file));
  expect([file, stat.isFile(), stat.uid]).toEqual([file, true, uid]);
};

test("links where steps write lead them nowhere", async () => {
  plantLink("/run/redis-cluster/node/release.new", victim);
  plantLink("/run/redis-cluster/node/release", victim);
  plantLink("/var/lib/redis-cluster/retired-master", victim);
  host.release(other, "unused");
  expect(await nodeStart()).toMatchObject({ status: 0 });
  expect(await runsAll(other)).toMatchObject({ status: 0 });
  isRedisFile("/run/redis-cluster/node/release");
  expect(host.read("/run/redis-cluster/node/release")).toBe(`${other}\n`);
});

test("links to directories do not make steps write there", async () => {
  mkdirSync(join(hosts.directory, "directory"));
  plantLink("/run/redis-cluster/node/release", join(hosts.directory, "directory"));
  expect(await nodeStart()).toMatchObject({ status: 0 });
  expect(await runsAll(release)).toMatchObject({ status: 0 });
  expect(readdirSync(join(hosts.directory, "directory"))).toEqual([]);
});

/** What redis may leave in the place of root's directory, where it can. */
const plantings: [string, (path: string, other: string) => void][] = [
  ["a link", (path, other) => symlinkSync(other, path)],
  ["a directory", (path, other) => renameSync(other, path)],
];

test.each(plantings)(
  "%s of redis's in the place of root's files is gone by in nothing",
  async (what, plant) => {
    const [managed, other] = [dirname(host.path("staged")), join(hosts.directory, "other")];
    cpSync(managed, other, { recursive: true, verbatimSymlinks: true });
    rmSync(managed, { recursive: true });
    plant(managed, other);
    lchownSync(managed, uid, gid);
    for (const verb of ["gate", "drift", "lead", "node-prove", "node-start", "compose-node"]) {
      const { status, stderr } = await host.run(verb);
      const refused =
        isRoot || what === "a link" ? `${managed} is not there, or not root's` : "error";
      expect([verb, status, stderr]).toEqual([verb, 1, expect.stringContaining(refused)]);
    }
  },
);

test("a step that waited goes by nothing that came about meanwhile", async () => {
  const [managed, planted] = [dirname(host.path("staged")), join(hosts.directory, "other")];
  const held = spawn("flock", [host.path("/run/redis-cluster.lock"), "sleep", "3"]);
  await new Promise((done) => setTimeout(done, 500));
  const waiting = host.feed("", "node-start", "a/b");
  await new Promise((done) => setTimeout(done, 1000));
  renameSync(managed, planted);
  symlinkSync(planted, managed);
  const { status, stderr, seconds } = await waiting;
  expect(held.exitCode).toBe(0);
  expect([status, stderr]).toEqual([1, expect.stringContaining("or not root's")]);
  expect(seconds).toBeGreaterThan(1);
});

test("the director runs as redis, and without the lock", async () => {
  host.write(
    "/usr/local/lib/redis-cluster/redis_cluster/__main__.py",
    `import os, sys
fds = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
print(os.getuid(), sum("lock" in fd for fd in fds), sys.flags.isolated, file=sys.stderr)
`,
  );
  for (const verb of ["node-roll", "lead", "gate"])
    expect((await host.run(verb)).stderr).toBe(`${uid} 0 1\n`);
});

test("a pipe in the place of a file hangs nobody", async () => {
  for (const link of ["current", "staged"]) {
    host.release(release, link, {
      "users.acl": "user default off\nuser operator on #operator ~* &* +@all\n",
      secrets: `${host.releaseFiles().secrets}hash operator ${"a".repeat(64)}\n`,
    });
  }
  mkdirSync(host.path("/var/lib/redis-cluster/appendonlydir"));
  for (const file of [
    ...["redis-cluster.conf", "redis-sentinel.conf"],
    "/var/lib/redis-cluster/appendonlydir/appendonly.aof.manifest",
    "/var/lib/redis-cluster/dump.rdb",
  ]) {
    plantPipe(file);
  }
  for (const verb of ["compose-node", "compose-sentinel", "node-prove", "lead", "convert"]) {
    const { seconds, stderr } = await host.python(
      `from redis_cluster.commands import main\nsys.exit(main(["${verb}"]))`,
    );
    expect([verb, seconds < 15, stderr]).toEqual([
      verb,
      true,
      expect.not.stringContaining("mistake"),
    ]);
  }
  const id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  host.write("/usr/local/lib/redis-cluster/claim.node", `${id}\n`);
  const { seconds } = await host.run("unclaim", "node", id, "keep-data");
  expect([existsSync(host.path(".")), seconds < 15]).toEqual([false, true]);
}, 120000);

test("a sentinel's file that is a link tells nothing and leaves its target alone", async () => {
  plantLink("redis-sentinel.conf", secret);
  plantLink("redis-cluster.conf", secret);
  host.write("bootstrap", "console\n");
  expect(await host.compose("node")).toMatchObject({ status: 0 });
  expect(host.read("redis-cluster.conf")).not.toContain("hash-of-root");
  const outcome = await host.compose("sentinel");
  expect(outcome.stderr).not.toContain("hash-of-root");
});

test("names of files are no lines and no code", async () => {
  const name = `a\nconsole x empty\n$(touch ${victim.replaceAll("/", "")})`;
  plantFile(`/var/lib/redis-cluster/${name}`, "data");
  plantFile(name, "data");
  host.release(release, "staged");
  const { stdout } = await host.run("node-prove");
  expect(stdout).toBe("console data\n");
});

test("the directories are root's, and redis may put its files beside them", async () => {
  rmSync(host.path("."), { recursive: true });
  pretendDebian(host);
  for (let times = 0; times < 2; times++)
    expect(await claim()).toMatchObject({ status: 0, stderr: "" });
  const found = [".", "staged", "releases", "/var/lib/redis-cluster"].map((path) => {
    const stat = statSync(host.path(path));
    return `${(stat.mode & 0o7777).toString(8)} ${stat.uid} ${stat.gid}`;
  });
  const managed = `750 ${process.getuid!()} ${gid}`;
  expect(found).toEqual([
    `1770 ${process.getuid!()} ${gid}`,
    managed,
    managed,
    `750 ${uid} ${gid}`,
  ]);
});

test.each(plantings)(
  "%s that redis left in a directory of its own gets nothing of an installation",
  async (_, plant) => {
    rmSync(host.path("."), { recursive: true });
    for (const directory of [".", "/var/log", "/usr/local/lib/redis-cluster"]) {
      mkdirSync(host.path(directory), { recursive: true });
    }
    const [managed, other] = [dirname(host.path("staged")), join(hosts.directory, "other")];
    mkdirSync(join(other, "staged"), { recursive: true, mode: 0o700 });
    writeFileSync(join(other, "staged/members"), "planted");
    plant(managed, other);
    for (const path of [host.path("."), managed]) lchownSync(path, uid, gid);
    pretendDebian(host);
    const outcome = await claim();
    expect(outcome).toMatchObject({ status: 0, stderr: "" });
    expect(lstatSync(managed).isDirectory()).toBe(true);
    expect(readdirSync(host.path("staged"))).toEqual([]);
    if (existsSync(other)) expect(lstatSync(join(other, "staged")).mode & 0o777).toBe(0o700);
  },
);

/** Has root do this for who directs the verb; the answers. */
const asked = (verb: "claim" | "unclaim", component: string, act: string) => {
  const id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  if (verb === "unclaim") host.write(`/usr/local/lib/redis-cluster/claim.${component}`, `${id}\n`);
  return host.actOfClaim(verb, component, id, act);
};

test("with its sentinel no group loses what it has staged to a link in another one's directory", async () => {
  const staged = join(hosts.directory, "other/staged");
  mkdirSync(staged, { recursive: true });
  writeFileSync(join(staged, "sentinel.conf"), "port 26389\n");
  // The directory is redis's once nothing of root's is in it.
  expect(await asked("unclaim", "sentinel", "take-away managed")).toMatchObject({ stdout: "ok\n" });
  symlinkSync(dirname(staged), dirname(host.path("staged")));
  await asked("unclaim", "sentinel", "take-away sentinel");
  expect(readFileSync(join(staged, "sentinel.conf"), "utf8")).toBe("port 26389\n");
});

describe("the data are where an administrator's link leads", () => {
  const data = "/var/lib/redis-cluster";
  let volume: string;
  let place: string;
  beforeEach(() => {
    volume = join(hosts.directory, "volume");
    place = join(volume, "data");
    mkdirSync(place, { recursive: true });
    rmSync(host.path(data), { recursive: true });
    symlinkSync(place, host.path(data));
  });

  test("and there they are made redis's, and taken away", async () => {
    rmSync(place, { recursive: true });
    mkdirSync(place, { mode: 0o700 });
    expect(await asked("claim", "node", "prepare")).toMatchObject({ stdout: "ok\n" });
    expect(statSync(place)).toMatchObject({ uid, gid });
    expect(await asked("unclaim", "node", "take-away data")).toMatchObject({ stdout: "ok\n" });
    expect([existsSync(place), existsSync(volume)]).toEqual([false, true]);
    expect(() => lstatSync(host.path(data))).toThrow("ENOENT");
  });

  test.each(["another link", "a directory of redis's"])(
    "but to what redis can put there, through %s, no act goes",
    async (what) => {
      const theirs = join(hosts.directory, "theirs");
      mkdirSync(join(theirs, "data"), { recursive: true, mode: 0o700 });
      if (what === "another link") {
        rmSync(place, { recursive: true });
        symlinkSync(join(theirs, "data"), place);
        lchownSync(place, uid, gid);
      } else if (!isRoot) return;
      chownSync(volume, uid, gid);
      const before = statSync(join(theirs, "data"));
      for (const [verb, act] of [
        ["claim", "prepare"],
        ["unclaim", "take-away data"],
      ] as const) {
        const { stdout } = await asked(verb, "node", act);
        expect(stdout).toMatch(/^failed \S+ leads to \S+; expected .* root's alone\n$/);
      }
      const { uid: owner, mode } = statSync(join(theirs, "data"));
      expect([owner, mode]).toEqual([before.uid, before.mode]);
      expect(existsSync(place)).toBe(true);
    },
  );
});
