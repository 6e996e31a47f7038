import { execFileSync } from "node:child_process";
import {
  chmodSync,
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
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Host, Hosts, Outcome } from "./support/hosts";

// What a user redis that somebody has taken over leaves where root reads and writes.

jest.setTimeout(30000);

const isRoot = process.getuid?.() === 0;
const id = (flag: string) =>
  isRoot ? Number(execFileSync("id", [flag, "redis"])) : Number(execFileSync("id", [flag]));
const [uid, gid] = [id("-u"), id("-g")];

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
  chownSync(host.path("."), process.getuid?.() ?? 0, gid);
  chmodSync(host.path("."), 0o1770);
  for (const directory of ["/var/lib/redis-cluster", "/run/redis-cluster/node"]) {
    chownSync(host.path(directory), uid, gid);
  }
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

/** Runs shell with what a step has at hand, and with nothing of systemd. */
const step = (line: string): Promise<Outcome> =>
  host.shell(
    `{ sleep 20; kill -KILL $$; } >/dev/null 2>&1 & trap "kill $! 2>/dev/null || true" EXIT
     systemctl() { :; }; systemd-run() { :; }; running() { true; }; wait_whole() { :; }; begin_step() { step_plan=p; }
     step_bootstrap=console; release=one
     load_members ${host.path("releases/one/members")}; operator_password=x; { ${line}; } 1>&2`,
  );

/** What is staged of a release that was never whole, with a user more. */
const stage = () => {
  for (const [file, text] of Object.entries(host.releaseFiles()))
    host.write(`staged/${file}`, text);
  host.write("staged/secrets", `operator x\nhash reports ${"a".repeat(64)}\n`);
};

const isRedisFile = (file: string) => {
  const stat = lstatSync(host.path(file));
  expect([file, stat.isFile(), stat.uid]).toEqual([file, true, uid]);
};

test("links where steps write lead them nowhere", async () => {
  plantLink("/run/redis-cluster/node/release.new", victim);
  plantLink("/run/redis-cluster/node/release", victim);
  plantLink("/var/lib/redis-cluster/retired-master", victim);
  host.release("two", "unused");
  stage();
  expect(await step("verb_node_start")).toMatchObject({ status: 0 });
  expect(await step("release=two; adopt_release node; end_turn")).toMatchObject({ status: 0 });
  isRedisFile("/run/redis-cluster/node/release");
  expect(host.read("/run/redis-cluster/node/release")).toBe("two\n");
});

test("links to directories do not make steps write there", async () => {
  mkdirSync(join(hosts.directory, "directory"));
  plantLink("/run/redis-cluster/node/release", join(hosts.directory, "directory"));
  stage();
  expect(await step("verb_node_start; adopt_release node; end_turn")).toMatchObject({ status: 0 });
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
    for (const verb of [
      "gate",
      "drift",
      "lead",
      "stage",
      "node-prove",
      "node-start",
      "compose-node",
    ]) {
      const { status, stderr } = await host.run(verb);
      const refused =
        isRoot || what === "a link" ? `${managed} is not there, or not root's` : "error";
      expect([verb, status, stderr]).toEqual([verb, 1, expect.stringContaining(refused)]);
    }
  },
);

test("a step that waited goes by nothing that came about meanwhile", async () => {
  const [managed, other] = [dirname(host.path("staged")), join(hosts.directory, "other")];
  const waiting = host.shell(
    `flock() { touch ${host.path("/tmp/waits")}; until [[ -L ${managed} ]]; do sleep 0.05; done; }
     refuse_planted; verb_stage </dev/null`,
  );
  while (!existsSync(host.path("/tmp/waits"))) await new Promise((done) => setTimeout(done, 20));
  renameSync(managed, other);
  symlinkSync(other, managed);
  const { status, stderr } = await waiting;
  expect([status, stderr]).toEqual([1, expect.stringContaining("or not root's")]);
});

test("daemons are asked as redis: what a reply does to the client is not done to root", async () => {
  host.write("/usr/bin/redis-cli", "#!/bin/sh\nid -u; ls -l /proc/self/fd | grep -c lock\ntrue\n");
  chmodSync(host.path("/usr/bin/redis-cli"), 0o755);
  const outcome = await step("take_lock; ask 127.0.0.1 1 PING; ask 127.0.0.1 1 <<<PING");
  expect(outcome.stderr).toBe(`${uid}\n0\n`.repeat(2));
});

test("the part in Python runs as redis, and without the lock", async () => {
  host.write(
    "/usr/local/lib/redis-cluster/redis_cluster/__main__.py",
    `import os, sys
fds = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
print(os.getuid(), sum("lock" in fd for fd in fds), sys.flags.isolated, file=sys.stderr)
`,
  );
  const outcome = await step("take_lock; secrets_file=x; begin_wait 9; gate; stalled || gave_up x");
  expect(outcome.stderr).toBe(`${uid} 0 1\n`.repeat(3));
});

test("a pipe in the place of a file hangs nobody", async () => {
  host.release("one", "current", {
    "users.acl": "user default off\nuser operator on #operator ~* &* +@all\n",
    secrets: `${host.releaseFiles().secrets}hash operator ${"a".repeat(64)}\n`,
  });
  mkdirSync(host.path("/var/lib/redis-cluster/appendonlydir"));
  for (const file of [
    ...["redis-cluster.conf", "redis-sentinel.conf"],
    "/var/lib/redis-cluster/appendonlydir/appendonly.aof.manifest",
    "/var/lib/redis-cluster/dump.rdb",
  ]) {
    plantPipe(file);
  }
  for (const line of [
    "verb_compose_node",
    "verb_compose_sentinel",
    "staged=$current; verb_node_prove </dev/null",
    "verb_lead",
    "users_text $current users.acl",
    "accept_passwords",
    "remove_node keep-data",
  ]) {
    const { seconds } = await step(line);
    expect([line, seconds < 15]).toEqual([line, true]);
  }
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
  const { stderr } = await step("staged=$current; verb_node_prove </dev/null");
  expect(stderr).toMatch(/^console data\n$/);
});

test("the directories are there before redis may put anything beside them", async () => {
  rmSync(host.path("."), { recursive: true });
  for (const directory of ["/var/log", "/usr/local/lib/redis-cluster"]) {
    mkdirSync(host.path(directory), { recursive: true });
  }
  const outcome = await host.shell(
    `refuse_other_systems() { :; }; refuse_foreign_units() { :; }; refuse_taken_port() { :; }
     refuse_full_disk() { :; }; install_python() { :; }; install_redis() { :; }; refuse_old_redis() { :; }
     install() {
       local last=\${*: -1} mode
       mode=$(stat -c %a $etc 2>/dev/null || true)
       [[ $last != $managed || -d $last || $mode != 1770 ]] || echo "$last comes after redis" >&2
       ${isRoot ? "command install" : "mkdir -p"} "$@"
     }
     for i in 1 2; do install_host <<<$'owner a/b\\nnode-port 1\\nsentinel-port 2'; done; stat -c '%a %U:%G' $etc $managed $staged $releases >&2`,
  );
  expect(outcome.stderr).toBe(
    isRoot ? "1770 root:redis\n750 root:redis\n750 root:redis\n750 root:redis\n" : "",
  );
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
    const outcome = await host.shell(
      `refuse_other_systems() { :; }; refuse_foreign_units() { :; }; refuse_taken_port() { :; }
     refuse_full_disk() { :; }; install_python() { :; }; install_redis() { :; }; refuse_old_redis() { :; }
     ${isRoot ? "" : 'install() { mkdir -p "${@: -1}"; }; root_owns() { false; }'}
     install_host <<<$'owner a/b\\nnode-port 1\nsentinel-port 2'`,
    );
    expect(outcome).toMatchObject({ status: 0, stderr: "" });
    expect(lstatSync(managed).isDirectory()).toBe(true);
    expect(readdirSync(host.path("staged"))).toEqual([]);
    if (existsSync(other)) expect(lstatSync(join(other, "staged")).mode & 0o777).toBe(0o700);
  },
);
