import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
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
     systemctl() { :; }; running() { true; }; wait_whole() { :; }; begin_step() { step_input='# plan p'; }
     choose_bootstrap() { echo console; }; step_input='# plan p'; release=one
     load_members ${host.path("releases/one/members")}; operator_password=x; { ${line}; } 1>&2`,
  );

const isOwnFile = (file: string) => {
  const stat = lstatSync(host.path(file));
  expect([file, stat.isFile(), stat.uid]).toEqual([file, true, process.getuid?.()]);
};

test("links where steps write lead them nowhere", async () => {
  for (const file of ["initialised", "bootstrap", "accepted"]) plantLink(file, victim);
  plantLink(".current.new", victim);
  plantLink(".previous.new", victim);
  plantLink("/run/redis-cluster/node/release.new", victim);
  plantLink("/run/redis-cluster/node/release", victim);
  plantLink("/var/lib/redis-cluster/retired-master", victim);
  host.release("two", "unused");
  host.write("staged/secrets", `operator x\nhash reports ${"a".repeat(64)}\n`);
  expect(await step("verb_node_start")).toMatchObject({ status: 0 });
  isOwnFile("bootstrap");
  expect(host.read("bootstrap")).toBe("console\n");
  isOwnFile("accepted");
  expect(await step("release=two; adopt_release node; end_turn")).toMatchObject({ status: 0 });
  isOwnFile("initialised");
  isOwnFile("/run/redis-cluster/node/release");
  expect(host.read("/run/redis-cluster/node/release")).toBe("two\n");
  expect(existsSync(host.path("bootstrap"))).toBe(false);
});

test("links to directories do not make steps write there", async () => {
  mkdirSync(join(hosts.directory, "directory"));
  for (const file of ["initialised", "bootstrap", "accepted", "/run/redis-cluster/node/release"]) {
    plantLink(file, join(hosts.directory, "directory"));
  }
  host.write("staged/secrets", `operator x\nhash reports ${"a".repeat(64)}\n`);
  expect(await step("verb_node_start; adopt_release node; end_turn")).toMatchObject({ status: 0 });
  expect(readdirSync(join(hosts.directory, "directory"))).toEqual([]);
});

test("a directory in the way of a link is in nobody's way", async () => {
  host.release("two", "unused");
  for (const directory of [".current.new", ".previous.new"]) {
    mkdirSync(host.path(directory));
    chownSync(host.path(directory), uid, gid);
  }
  expect(await step("release=two; adopt_release node")).toMatchObject({ status: 0, stderr: "" });
  expect(readdirSync(host.path(".current.new"))).toEqual([]);
});

test("a directory in the place of a file ends a step, which names it", async () => {
  mkdirSync(host.path("initialised/full"), { recursive: true });
  const outcome = await step("end_turn");
  expect(outcome.status).toBe(1);
  expect(outcome.stderr).toContain(host.path("initialised"));
});

test("a destroy that keeps the data follows no link among them", async () => {
  plantFile("redis-cluster.conf", "# composed from release one\n");
  plantLink("/var/lib/redis-cluster/retired-master", victim);
  await step("remove_node keep-data");
  expect(existsSync(host.path("."))).toBe(false);
  expect(existsSync(host.path("/var/lib/redis-cluster/retired-master"))).toBe(true);
});

test.each([
  ["a pipe", (file: string) => plantPipe(file)],
  ["a link to zeros without end", (file: string) => plantLink(file, "/dev/zero")],
  ["a link to a secret", (file: string) => plantLink(file, secret)],
])("%s is no release that a daemon runs", async (_, plant) => {
  plant("/run/redis-cluster/node/release");
  const outcome = await step('echo "release: $(running_release node)"');
  expect(outcome).toMatchObject({ status: 0, stderr: "release: \n" });
  expect(outcome.seconds).toBeLessThan(10);
});

test("a pipe in the place of a file hangs nobody", async () => {
  host.release("one", "current", {
    "users.acl": "user default off\nuser operator on #operator ~* &* +@all\n",
    secrets: `${host.releaseFiles().secrets}hash operator ${"a".repeat(64)}\n`,
  });
  mkdirSync(host.path("/var/lib/redis-cluster/appendonlydir"));
  for (const file of [
    ...["accepted", "bootstrap", "redis-cluster.conf", "redis-sentinel.conf"],
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
    "refuse_clients_left",
    "remove_node keep-data",
  ]) {
    const { seconds } = await step(line);
    expect([line, seconds < 15]).toEqual([line, true]);
  }
}, 120000);

test("what is planted as accepted passwords runs nothing", async () => {
  const old = "b".repeat(64);
  const now = "a".repeat(64);
  host.write("initialised", "");
  host.release("one", "current", { secrets: `operator x\nhash reports ${old}\n` });
  host.write("staged/secrets", `operator x\nhash reports ${now}\n`);
  plantFile("accepted", `reports ${now} PATH[$(touch\${IFS}${victim})]\n`);
  expect(await step("refuse_clients_left")).toMatchObject({ status: 0, stderr: "" });
});

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
  expect(stderr).toMatch(/^console [0-9a-f]{16} data\n$/);
});

test("the directories are there before redis may put anything beside them", async () => {
  rmSync(host.path("."), { recursive: true });
  for (const directory of ["/var/log", "/usr/local/lib/redis-cluster"]) {
    mkdirSync(host.path(directory), { recursive: true });
  }
  const outcome = await host.shell(
    `refuse_other_systems() { :; }; refuse_foreign_units() { :; }; refuse_taken_port() { :; }
     refuse_full_disk() { :; }; install_redis() { :; }; refuse_old_redis() { :; }
     install() {
       local last=\${*: -1} mode
       mode=$(stat -c %a $etc 2>/dev/null || true)
       [[ $last != $etc/* || -d $last || $mode != 1770 ]] || echo "$last comes after redis" >&2
       ${isRoot ? "command install" : "mkdir -p"} "$@"
     }
     for i in 1 2; do install_host <<<$'node-port 1\\nsentinel-port 2'; done; stat -c '%a %U:%G' $etc $staged $releases >&2`,
  );
  expect(outcome.stderr).toBe(isRoot ? "1770 root:redis\n750 root:redis\n750 root:redis\n" : "");
});

test("links that redis left in a directory of its own lead an installation nowhere", async () => {
  rmSync(host.path("."), { recursive: true });
  for (const directory of [".", "/var/log", "/usr/local/lib/redis-cluster"]) {
    mkdirSync(host.path(directory), { recursive: true });
  }
  mkdirSync(join(hosts.directory, "root"), { mode: 0o700 });
  chownSync(host.path("."), uid, gid);
  for (const link of ["staged", "releases"]) plantLink(link, join(hosts.directory, "root"));
  const outcome = await host.shell(
    `refuse_other_systems() { :; }; refuse_foreign_units() { :; }; refuse_taken_port() { :; }
     refuse_full_disk() { :; }; install_redis() { :; }; refuse_old_redis() { :; }
     ${isRoot ? "" : 'install() { mkdir -p "${@: -1}"; }'}
     install_host <<<$'node-port 1\nsentinel-port 2'`,
  );
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
  expect(lstatSync(join(hosts.directory, "root")).mode & 0o777).toBe(0o700);
  expect(lstatSync(host.path("staged")).isDirectory()).toBe(true);
});

test("a link beside a daemon that is tried out gets nothing that root writes", async () => {
  host.write("/run/redis-cluster/node/release", "0123456789abcdef\n");
  host.release("0123456789abcdef");
  const outcome = await step(
    `release=$releases/0123456789abcdef; scratch=$(mktemp -d)
     chown() { command chown "$@"; ln -s ${victim} "\${*: -1}/answers"; }; ask() { echo x; }
     as_released node $scratch`,
  );
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
});
