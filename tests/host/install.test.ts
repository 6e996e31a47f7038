import { spawn, spawnSync, SpawnSyncReturns } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { fileWriter, sections } from "../../components/remote/hostProgram";
import { pretendDebian } from "./support/deployed";
import { Host, Hosts } from "./support/hosts";

// What a host needs before anything of ours runs there.

jest.setTimeout(30000);

let hosts: Hosts;
let host: Host;
beforeEach(() => {
  hosts = new Hosts(["console"]);
  [host] = hosts.all;
});
afterEach(() => hosts.destroy());

/** Writes a program of two files on the host, as root's first Command does. */
function programWritten(): SpawnSyncReturns<string> {
  mkdirSync(host.path("/new"));
  const owner = `${process.getuid!()}:${process.getgid!()}`;
  return spawnSync("bash", ["-s", "--", host.path("/new"), "0755", owner, "package"], {
    input:
      fileWriter() + gzipSync(sections({ program: "", "package/x.py": "" })).toString("base64"),
    env: { REDIS_CLUSTER_ROOT: host.root, PATH: `${host.path("/usr/bin")}:/usr/bin:/bin` },
    encoding: "utf8",
  });
}

test.each([
  ["is missing", "update\ninstall python3\n"],
  ["is there", ""],
])("where Python %s the writing of the program sees to it", (what, said) => {
  if (what === "is there") symlinkSync("/usr/bin/python3", host.path("/usr/bin/python3"));
  const told = host.path("/apt");
  host.program(
    "apt-get",
    `for word; do [[ $word == -* || $word == *=* ]] || printf '%s ' $word; done | sed 's/ $//' >>${told}; echo >>${told}; [[ -s ${told} && $(wc -l <${told}) -gt 1 ]]`,
  );
  host.write("/apt", "");
  const outcome = programWritten();
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
  expect(host.read("/apt").replace("install python3\n", "")).toBe(said);
});

test.each([
  ["is waited for", 2, 0],
  ["is not what another error is taken for", 0, 1],
])("a lock of the package lists %s", (_, held, status) => {
  const left = host.path("/left");
  host.write("/left", "x".repeat(held));
  // Lists that are missing, then lists that another process fetches.
  host.program(
    "apt-get",
    `case $* in
      *update*)
        if [[ -s ${left} ]]; then
          truncate -s -1 ${left}
          echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)'
          exit 100
        fi
        ${status === 0 ? `>${left}.got` : "echo 'E: The repository is not signed.'; exit 100"} ;;
      *) [[ -e ${left}.got ]] ;;
    esac`,
  );
  const outcome = programWritten();
  expect(outcome.status).toBe(status);
  expect(outcome.stderr).toMatch(
    status === 0 ? /^$/ : /python3 could not be installed: E: The repository is not signed/,
  );
});

test("a lock of the packages' archives is waited for where Python is missing", () => {
  const left = host.path("/left");
  host.write("/left", "xxx");
  host.program(
    "apt-get",
    `[[ $* != *update* && -s ${left} ]] || exit 0
    truncate -s -1 ${left}
    echo 'E: Could not get lock /var/cache/apt/archives/lock. It is held by process 7 (apt-get)'
    echo 'E: Unable to lock directory /var/cache/apt/archives/'
    exit 100`,
  );
  expect(programWritten()).toMatchObject({ status: 0, stderr: "" });
  expect(host.read("/left")).toBe("");
});

test.each([
  ["12", 0, /^$/],
  ["13", 0, /^$/],
  ["14", 1, /this is 'debian 14'; expected Debian 12 or Debian 13, the only systems .*Nothing was/],
])("Debian %s", async (version, status, said) => {
  pretendDebian(host);
  host.write("/etc/os-release", `ID=debian\nVERSION_ID="${version}"\n`);
  rmSync(host.path("."), { recursive: true });
  const id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  const outcome = await host.feed("owner a/b\n==> end <==\n", "claim", "node", id);
  expect(outcome.stderr).toMatch(said);
  expect(outcome.status).toBe(status);
});

describe("a package that is missing", () => {
  const claim = () =>
    host.feed("owner a/b\n==> end <==\n", "claim", "node", "6f9619ff-8b86-d011-b42d-00cf4fc964ff");
  /** apt-get installs; before that dpkg fails so often, with these words. */
  const missing = (times: number, words: string) => {
    pretendDebian(host);
    rmSync(host.path("."), { recursive: true });
    host.program("dpkg-query", `[[ -e ${host.path("/installed")} ]] && printf installed || true`);
    host.program("apt-get", `>${host.path("/installed")}`);
    host.write("/left", "x".repeat(times));
    const left = host.path("/left");
    host.program(
      "dpkg",
      `[[ -s ${left} ]] || exit 0; truncate -s -1 ${left}; echo '${words}' >&2; exit 2`,
    );
  };

  test("is waited for while another process holds the package database", async () => {
    missing(2, "dpkg: error: dpkg frontend lock was locked by another process with pid 4242");
    const { status, stderr } = await claim();
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^redis-cluster\[\w+\]: waits up to 120 s for process 4242, which holds the package database\n$/,
    );
    expect(host.read("/installed")).toBe("");
  });

  test.each([
    ["told by its process", ". It is held by process 4242 (apt-get)", "process 4242"],
    ["told by nobody", " - open (11: Resource temporarily unavailable)", "another process"],
  ])("is waited for while apt's archives are locked, %s", async (_, held, who) => {
    missing(0, "");
    host.program("dpkg");
    host.write("/left", "xxx");
    const left = host.path("/left");
    host.program(
      "apt-get",
      `[[ $* != *update* ]] || exit 0
      [[ -s ${left} ]] || { >${host.path("/installed")}; exit 0; }
      truncate -s -1 ${left}
      echo 'E: Could not get lock /var/cache/apt/archives/lock${held}'
      echo 'E: Unable to lock directory /var/cache/apt/archives/'
      exit 100`,
    );
    const { status, stderr } = await claim();
    expect(status).toBe(0);
    expect(stderr).toContain(`waits up to 120 s for ${who}, which holds the package database\n`);
    expect(host.read("/left")).toBe("");
  });

  test("is not waited for where the package database is broken", async () => {
    missing(1, "dpkg: error: unable to access the dpkg database directory");
    const { status, stderr } = await claim();
    expect(status).toBe(1);
    expect(stderr).toContain("failed: dpkg: error: unable to access the dpkg database directory.");
  });
});

describe("a version of Redis that the stack asks for", () => {
  const [older, newer] = ["5:7.0.15-1~deb12u7", "5:7.0.15-1~deb12u10"];
  /** A claim that stages this version, where that one is installed and apt knows these. */
  const claim = (version: string, installed: string, known: string[]) => {
    pretendDebian(host);
    rmSync(host.path("."), { recursive: true });
    host.write("/told", "");
    const line = (word: string) => `echo '${word}'`;
    const has = ["redis-server", "redis-tools"]
      .map(() => line(`installed ${installed}`))
      .join("; ");
    host.program("dpkg-query", `case $* in *Version*) ${has} ;; *) printf installed ;; esac`);
    host.program(
      "apt-cache",
      [
        "",
        ...known.map((each) => line(`redis-server | ${each} | http://x y/main amd64 Packages`)),
      ].join("\n"),
    );
    host.program("apt-get", `echo "$@" | sed 's/ -o [^ ]*//g' >>${host.path("/told")}`);
    host.program("dpkg");
    return host.feed(
      `owner a/b\n==> members <==\npackage ${version}\n==> end <==\n`,
      ...["claim", "node", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"],
    );
  };

  test("is fetched, and not put in place before the host's turn", async () => {
    expect(await claim(newer, older, [newer, older])).toMatchObject({ status: 0, stderr: "" });
    expect(host.read("/told")).toBe(
      "-q -y --no-install-recommends --allow-downgrades --allow-change-held-packages --no-remove --download-only " +
        `install redis-server=${newer} redis-tools=${newer}\n`,
    );
  });

  test("that is there is not asked for again, also where no source has it any more", async () => {
    expect(await claim(older, older, [newer])).toMatchObject({ status: 0, stderr: "" });
    expect(host.read("/told")).toBe("");
  });

  test.each([
    [
      "that no source has, after a look at new lists",
      [newer, older, [older]] as const,
      `packageVersion is ${newer}, which this host's apt does not know; expected one of: ${older}. See 'apt-cache`,
      "-q -y --no-install-recommends update\n",
    ],
    [
      "that cannot read what is there",
      [older, "5:8.0.2-3+deb13u1", [older]] as const,
      `redis-server 5:8.0.2-3+deb13u1 is installed, and redis-cluster:packageVersion is ${older}; expected none before 8.0`,
      "",
    ],
  ])(
    "%s: is refused, and nothing is staged or installed",
    async (_, [version, ...has], said, asked) => {
      const { status, stderr } = await claim(version, has[0], [...has[1]]);
      expect(status).toBe(1);
      expect(stderr).toContain(said);
      expect(host.read("/told")).toBe(asked);
      expect(existsSync(host.path("staged/members"))).toBe(false);
    },
  );

  test("is no other word", async () => {
    const { status, stderr } = await claim("7.0.15 sudo", older, [older]);
    expect([status, host.read("/told")]).toEqual([1, ""]);
    expect(stderr).toContain("nothing was staged: members: line 1; expected files as this version");
  });
});

describe("what other programs of the host go by", () => {
  const id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  const claim = () => host.feed("owner a/b\n==> end <==\n", "claim", "node", id);
  beforeEach(() => {
    pretendDebian(host);
    rmSync(host.path("."), { recursive: true });
  });

  test.each([
    ["logrotate", "/etc/logrotate.d/redis-cluster", "/var/log/redis-cluster/*.log {"],
    ["needrestart", "/etc/needrestart/conf.d/redis-cluster.conf", "$nrconf{override_rc}"],
  ])("is there where %s is, until the node is taken away", async (_, file, text) => {
    expect(await claim()).toMatchObject({ status: 0 });
    expect(existsSync(host.path(file))).toBe(false);
    mkdirSync(dirname(host.path(file)), { recursive: true });
    expect(await claim()).toMatchObject({ status: 0 });
    expect(host.read(file)).toContain(text);
    expect(await host.run("unclaim", "node", id, "keep-data", "a/b")).toMatchObject({ status: 0 });
    expect(() => host.read(file)).toThrow("ENOENT");
  });

  test("needrestart leaves the group's units to the stack, and no others", () => {
    const units = ["redis-cluster.service", "redis-sentinel.service", "redis-server.service"];
    // As needrestart reads it, and asks it.
    const reads =
      'our %nrconf = (restart => "a"); eval do { local (@ARGV, $/) = shift; <> }; die $@ if $@; ' +
      "for my $rc (@ARGV) { my @told = grep { $rc =~ /$_/ } keys %{$nrconf{override_rc}}; " +
      'print @told ? $nrconf{override_rc}{$told[0]} : "selected", "\n" }';
    const file = join(host.path("/usr/local/lib/redis-cluster"), "needrestart");
    const { stdout, stderr } = spawnSync("perl", ["-e", reads, file, ...units], {
      encoding: "utf8",
    });
    expect([stdout, stderr]).toEqual(["0\n0\nselected\n", ""]);
  });
});

test("no program is left without its modules where taking it away is cut off", async () => {
  const id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  pretendDebian(host);
  rmSync(host.path("."), { recursive: true });
  const program = "/usr/local/lib/redis-cluster/redis-cluster";
  host.write(program, "exit\n");
  expect(await host.feed("owner a/b\n==> end <==\n", "claim", "node", id)).toMatchObject({
    status: 0,
  });
  const first = 'if [[ -d $3 ]]; then rm -rf "$3/redis_cluster"; else rm -f "$3"; fi';
  host.program(
    "rm",
    `PATH=/bin; if [[ $* == */local/lib/redis-cluster ]]; then ${first}; kill -KILL $PPID; fi; rm "$@"`,
  );
  await host.run("unclaim", "node", id, "keep-data", "a/b");
  expect(existsSync(host.path(program))).toBe(false);
});

describe("a daemon that goes on although it was told to stop", () => {
  const id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  const data = "/var/lib/redis-cluster/appendonlydir/of-the-group";
  const take = (component: string) => host.run("unclaim", component, id, "delete-data", "a/b");
  beforeEach(async () => {
    pretendDebian(host);
    rmSync(host.path("."), { recursive: true });
    for (const component of ["node", "sentinel"])
      expect(await host.feed("owner a/b\n==> end <==\n", "claim", component, id)).toMatchObject({
        status: 0,
      });
    host.write(data, "acknowledged");
    for (const unit of ["redis-cluster", "redis-sentinel"])
      host.write(`/etc/systemd/system/${unit}.service`, "# Managed by Pulumi: redis-cluster\n");
  });

  test.each(["node", "sentinel"])("keeps what it has: the %s's", async (component) => {
    const unit = component === "node" ? "redis-cluster.service" : "redis-sentinel.service";
    host.program("systemctl", "if [[ $1 == is-active ]]; then echo deactivating; fi");
    const { status, stderr } = await take(component);
    expect(status).toBe(1);
    expect(stderr).toContain(`${unit} was told to stop, and it is deactivating; expected`);
    expect(stderr).toContain(`-u ${unit.replace(".service", "")}`);
    expect(host.read(data)).toBe("acknowledged");
    expect(host.read(`/etc/systemd/system/${unit}`)).not.toBe("");
    host.program("systemctl", "if [[ $1 == is-active ]]; then echo inactive; fi");
    // A later release is made of what is staged.
    host.write("staged/sentinel.conf", "port 26389\n");
    expect(await take(component)).toMatchObject({ status: 0 });
    expect(existsSync(host.path(`/etc/systemd/system/${unit}`))).toBe(false);
    expect(existsSync(host.path("staged/sentinel.conf"))).toBe(false);
  });

  test("keeps its data also where systemd knows nothing of it", async () => {
    const daemon = spawn("sleep", ["60"], { cwd: host.path("/var/lib/redis-cluster") });
    const { status, stderr } = await take("node");
    daemon.kill("SIGKILL");
    await once(daemon, "exit");
    expect(status).toBe(1);
    expect(stderr).toContain(`process ${daemon.pid} still works in `);
    expect(host.read(data)).toBe("acknowledged");
    expect(await take("node")).toMatchObject({ status: 0 });
    expect(existsSync(host.path(data))).toBe(false);
  });
});
