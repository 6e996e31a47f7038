import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Host, Hosts, Outcome, releaseHash } from "./support/hosts";

// What root's part does for a director that somebody has taken over: nothing but its acts.

jest.setTimeout(60000);

const [release, other] = ["0000000000000001", "fedcba9876543210"];
const id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
let hosts: Hosts;
let host: Host;

beforeEach(() => {
  hosts = new Hosts(["console"]);
  [host] = hosts.all;
  host.release(release);
  host.write("staged/secrets", `hash reports ${"a".repeat(64)}\n`);
  for (const program of ["systemctl", "systemd-run", "journalctl", "nft"])
    host.program(program, `echo ${program} "$@" >>${host.path("/told")}`);
});

afterEach(() => hosts.destroy());

const told = () => (existsSync(host.path("/told")) ? host.read("/told") : "");

/** Everything of root's on the host, but for the lock, which tells who has it. */
function everything(): string[] {
  const files = ["etc", "usr", "run"].flatMap((top) =>
    readdirSync(join(host.root, top), { recursive: true, encoding: "utf8" }).map((file) => {
      const path = join(host.root, top, file);
      const { mode, uid, gid, mtimeMs } = lstatSync(path);
      return `${path} ${mode} ${uid} ${gid} ${mtimeMs}`;
    }),
  );
  return files.filter((line) => !line.includes("/run/redis-cluster.lock "));
}

/** Writes this to root's part, as bash's printf has it; the answers come with the errors. */
const ask = (text: string, verb?: string): Promise<Outcome> =>
  host.direct(`exec 2>&1; printf '${text}' >&14; exec 14>&-; cat <&15`, verb);

describe("a line that is no act ends the step, and nothing is done", () => {
  test.each([
    ["an unknown act", "reboot\\n"],
    ["another unit", "stop sshd.service\\n"],
    ["one argument more", "stop node sentinel\\n"],
    ["an option", "stop --all\\n"],
    ["a path", "switch ../../../../tmp/x\\n"],
    ["a hash that is none", "switch 000000000000000G\\n"],
    ["a longer hash", "switch 00000000000000011\\n"],
    ["a space before it", " stop node\\n"],
    ["a carriage return", "stop node\\r\\n"],
    ["a NUL", "stop node\\0\\n"],
    ["what is no text", "stop \\377\\376\\n"],
    ["digits of another script", "arm-return \\u0663\\n"],
    ["an empty line", "\\n"],
    ["the operator's consent in another verb", "lead console\\n"],
    ["a mark that is none", "mark bootstrap -x\\n"],
    ["what only the end of a claim takes away", "take-away data\\n"],
    ["a unit that only the end of a claim removes", "remove node\\n"],
    ["a claim", "claim unheard\\n"],
    ["half an entry", `accept reports ${"a".repeat(64)}\\n`],
  ])("%s", async (_, text) => {
    const before = everything();
    const { status, stderr } = await ask(text);
    expect(status).toBe(1);
    expect(stderr).toMatch(/error: what directs this step asked root for .*, which is no act/);
    expect(stderr.length).toBeLessThan(500);
    expect([told(), everything()]).toEqual(["", before]);
  });

  test("a megabyte", async () => {
    const { status, stderr } = await host.direct(
      "exec 2>&1; head -c 1048576 /dev/zero >&14; cat <&15",
    );
    expect(status).toBe(1);
    expect(stderr).toContain("which is no act");
    expect(told()).toBe("");
  });

  test("one behind one that is an act", async () => {
    const { status } = await ask("disarm-return\\nreboot\\nstop node\\n");
    expect(status).toBe(1);
    expect(told()).not.toMatch(/reboot|redis-cluster.service/);
  });
});

test.each([
  ["a release that there is not", `switch ${other}\\n`],
  ["the end of a firewall that the release asks for", "remove firewall\\n"],
  ["a password that is not staged", `accept reports ${"b".repeat(64)} 1\\n`],
  ["a user that is not staged", `accept operator ${"a".repeat(64)} 1\\n`],
])("%s is refused with a word, and changes nothing", async (_, text) => {
  host.write("current/firewall.nft", "table inet redis_cluster {\n}\n");
  const before = everything();
  const { stdout } = await ask(text);
  expect(stdout).toMatch(
    /^failed (there is no release|the release asks for|a password to accept) .*\n$/,
  );
  expect([told(), everything()]).toEqual(["", before]);
});

test("who has waited for the lock in vain is told who has it", async () => {
  const lines = [
    "import runpy, sys",
    'lock = runpy.run_path(sys.argv[1], run_name="root")["lock"]',
    'lock(sys.argv[2] + "/run/redis-cluster.lock", 0.5)',
    'print("held", flush=True)',
    "sys.stdin.read()",
  ];
  const words = ["-c", lines.join("\n"), hosts.program, host.root, "node-roll"];
  const holder = spawn("python3", words);
  try {
    await new Promise((done) => holder.stdout.once("data", done));
    const { status, stderr } = spawnSync("python3", words, { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      new RegExp(
        `another run \\(process ${holder.pid}: [^)]* node-roll\\) has held \\S+ for 0.5 s; expected`,
      ),
    );
  } finally {
    holder.kill();
  }
});

describe("the package of Redis", () => {
  const asked = () => told().replaceAll(/ -o \S+/g, "");
  const change = "package change redis-server\\n";
  beforeEach(() => {
    for (const program of ["apt-get", "dpkg-query"])
      host.program(program, `echo ${program} "$@" >>${host.path("/told")}`);
  });

  test("is changed to the version that is staged, while the distribution's own cannot be restarted", async () => {
    host.write("staged/members", "quorum 2\npackage 5:7.0.15-1~deb12u7\nself console\n");
    host.program(
      "dpkg-query",
      "echo redis-server installed; echo redis-sentinel not-installed; echo redis installed",
    );
    expect(await ask(change)).toMatchObject({ stdout: "ok\n" });
    const version = "5:7.0.15-1~deb12u7";
    expect(asked()).toBe(
      "systemctl mask --runtime redis-server.service\n" +
        "apt-get -q -y --no-install-recommends --allow-downgrades --allow-change-held-packages --no-remove install " +
        `redis-server=${version} redis-tools=${version} redis=${version}\n` +
        "systemctl unmask --runtime redis-server.service\n",
    );
  });

  test("can be restarted again where the change fails", async () => {
    host.write("staged/members", "package 5:7.0.15-1~deb12u7\n");
    host.program("apt-get", "echo E: no room >&2; exit 100");
    const { stdout } = await ask(change);
    expect(stdout).toBe("failed apt-get change redis-server failed: E: no room\n");
    expect(told()).toMatch(/systemctl unmask --runtime redis-server.service\n$/);
  });

  test.each([
    ["the stack asks for none", "quorum 2\n", change],
    ["what is staged is no version", "package 7.0.15 -o=x\n", change],
    ["what is staged is an option", "package --reinstall\n", change],
    ["who directs names another", "package 7.0.15\n", "package change redis-server=7.0.1\\n"],
    ["who directs names another package", "package 7.0.15\n", "package change sudo\\n"],
    ["it is no claim", "package 7.0.15\n", "package install nftables\\n"],
  ])("stays where %s", async (_, members, line) => {
    host.write("staged/members", members);
    const { stdout } = await ask(line);
    expect(stdout).not.toContain("ok");
    expect(told()).toBe("");
  });
});

// Device 1:7 is as a file on a full disk.
const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot(
  "a full disk is told by file, what is seen, what is expected and the next command",
  async () => {
    execFileSync("mknod", [host.path("releases/../.placed"), "c", "1", "7"]);
    const { stderr } = await host.act("accept", "reports", "a".repeat(64), "1");
    expect(stderr).toMatch(
      /error: \S+\/managed\/accepted could not be written: No space left on device; expected room on .*See 'df -h' and 'df -i' here, free some space, then run pulumi up again/,
    );
  },
);

test.each(["gate", "drift", "node-prove"])("%s asks, and has nothing done", async (verb) => {
  const { status, stderr } = await ask("stop node\\n", verb);
  expect([status, stderr]).toEqual([1, expect.stringContaining("which is no act")]);
  expect(told()).toBe("");
});

test("links in redis's directories lead no act anywhere", async () => {
  const victim = join(hosts.directory, "victim");
  mkdirSync(victim);
  const places = ["/run/redis-cluster/redis-cluster.pid", "/run/redis-cluster/node/release"];
  for (const place of [...places, "redis-cluster.conf", "/var/lib/redis-cluster/retired-master"])
    symlinkSync(victim, host.path(place));
  if (process.getuid?.() === 0)
    execFileSync("chown", ["-hR", "redis:redis", host.path("/run/redis-cluster")]);
  const hash = releaseHash(host.path("staged"));
  const acts = [
    ...["install node", "start --no-block node", "enable node", "install backup", "stamp"],
    ...[`make-release ${hash}`, `renew-release ${hash}`, `switch ${hash}`],
    ...[
      "mark initialised",
      "mark bootstrap console",
      `accept reports ${"a".repeat(64)} 1`,
      "prune",
    ],
    ...["arm-return 15", "disarm-return", "journal node 1", "stop node", "disable --now node"],
  ];
  const { status, stdout } = await ask(acts.map((act) => `${act}\\n`).join(""));
  expect([status, stdout]).toEqual([0, "ok\n".repeat(acts.length)]);
  expect(readdirSync(victim)).toEqual([]);
  expect(lstatSync(victim).isDirectory()).toBe(true);
  expect(readFileSync(host.path("accepted"), "utf8")).toBe(`reports ${"a".repeat(64)} 1\n`);
  expect(told()).toContain("systemctl start --no-block redis-cluster.service");
});

test("the director ends with root's part, and holds no lock of its own", async () => {
  const file = host.path("/tmp/director");
  const run = host.direct(`echo $$ >${file}; ls -l /proc/self/fd >${file}.files; sleep 60`);
  while (!existsSync(`${file}.files`)) await new Promise((done) => setTimeout(done, 50));
  await new Promise((done) => setTimeout(done, 500));
  expect(readFileSync(`${file}.files`, "utf8")).not.toContain("lock");
  const director = readFileSync(file, "utf8").trim();
  const [, parent] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${director}/status`, "utf8"))!;
  process.kill(Number(parent), "SIGKILL");
  await run;
  await new Promise((done) => setTimeout(done, 300));
  // What is left of one that has ended has no words any more.
  const left = `/proc/${director}/cmdline`;
  expect(existsSync(left) ? readFileSync(left, "utf8") : "").toBe("");
});

describe("who outlives the director, or stays behind with it,", () => {
  test("has nothing done any more, and holds up nobody", async () => {
    const asks = `cat <&15 >/dev/null & exec yes "switch ${release}" >&14`;
    const { status, seconds } = await host.direct(
      `setsid bash -c '${asks}' >/dev/null 2>&1 & exit 0`,
    );
    expect([status, seconds < 15]).toEqual([0, true]);
  });

  test("holds nobody's connection", async () => {
    const left = host.path("/tmp/left");
    const line = `setsid sleep 60 & echo $! >${left}; echo said; echo warned >&2`;
    const { stdout, seconds } = await host.shell(
      `timeout 20 ${hosts.program}.direct node-roll '${line}' 2>&1 | cat`,
    );
    process.kill(Number(readFileSync(left, "utf8")));
    expect(stdout.split("\n").sort()).toEqual(["", "said", "warned"]);
    expect(seconds).toBeLessThan(15);
  });

  test("cannot read from the terminal of whoever looks", async () => {
    const { stdout } = await host.shell(
      `python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' ${hosts.program}.direct gate 'ls -l /proc/self/fd' </dev/null`,
    );
    expect(stdout).toContain("pipe:");
    expect(stdout).not.toMatch(/pts|ptmx|tty/);
  });
});

describe("200 kB of a director's words on each of its files", () => {
  const says = (more = "") =>
    `timeout 50 ${hosts.program}.direct node-roll 'head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2${more}' 2>&1`;

  test("all reach who reads slowly, although it ends meanwhile", async () => {
    const slow = "while few := os.read(0, 4096): count += len(few); time.sleep(0.05)";
    const reader = `python3 -c 'import os, time\ncount = 0\n${slow}\nprint(count)'`;
    expect((await host.shell(`${says()} | ${reader}`)).stdout).toBe("400000\n");
  });

  test("hold it up nowhere once nobody reads", async () => {
    const end = host.path("/tmp/end");
    await host.shell(`${says(`; echo >${end}`)} | true`);
    expect(existsSync(end)).toBe(true);
  });
});

test("a failure of root's own names the next command too", async () => {
  host.write("/run/redis-cluster.lock/planted", "");
  const { status, stderr } = await host.direct("true");
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/error: .*redis-cluster.lock'; expected .* then try again\n$/),
  ]);
});

test("what the director says steers no terminal", async () => {
  const said = "a\\tb\\033]0;x\\007\\033[2J\\r\\b\\302\\233c\\177\\n\\303\\251";
  const { stdout, stderr } = await host.direct(`printf '${said}'; printf '${said}' >&2`, "gate");
  for (const text of [stdout, stderr]) {
    expect(text).toMatch(/^a\tb.*c.*\né$/);
    // eslint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  }
});

test.each([
  ["another component", "take-away sentinel"],
  ["another id", `claim ${id.replace("6", "7")}`],
  ["another stack", "prepare x/y"],
])("a claim is of nothing but what its caller has named: %s", async (_, act) => {
  const before = everything();
  const ask = (text: string) => host.actOfClaim("claim", "node", id, text);
  const { status, stderr } = await ask(act);
  expect([status, stderr]).toEqual([1, expect.stringContaining("which is no act")]);
  expect(everything()).toEqual(before);
  for (const its of ["prepare", "claim unheard"])
    expect(await ask(its)).toMatchObject({ status: 0, stdout: "ok\n" });
});

test.each([
  ["while another claim is in force", "node", id.replace("6", "7"), "take-away data"],
  ["of another component", "sentinel", id, "remove node"],
  ["of another component's files", "sentinel", id, "take-away data"],
])("nothing of a component goes: %s", async (_, component, kept, act) => {
  host.write(`/usr/local/lib/redis-cluster/claim.${component}`, `${kept}\n`);
  const before = everything();
  const { status, stderr } = await host.actOfClaim("unclaim", component, id, act);
  expect([status, stderr]).toEqual([1, expect.stringContaining("which is no act")]);
  expect([told(), everything()]).toEqual(["", before]);
});

test("a director that reads no answers is ended", async () => {
  const { status, stderr, seconds } = await host.direct(`yes "switch ${release}" >&14`);
  expect([status, stderr]).toEqual([1, expect.stringContaining("reads no answers")]);
  expect(seconds).toBeLessThan(50);
});

test("what never ends is no claim", async () => {
  const { stderr } = await host.shell(`yes x | ${hosts.program} claim sentinel ${id}`);
  expect(stderr).toContain("what came was not whole");
});
