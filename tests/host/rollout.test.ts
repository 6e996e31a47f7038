import { chmodSync, readFileSync } from "node:fs";
import { Host, Hosts } from "./support/hosts";

// The steps' own decisions, on a host whose systemd is a script that notes what it was told.

jest.setTimeout(30000);

let hosts: Hosts;
let host: Host;

const told = () => readFileSync(host.path("/told"), "utf8").trim().split("\n");

/** Runs a line of the host program's shell with the staged members; what it printed. */
async function printed(line: string): Promise<string> {
  const { status, stderr } = await host.shell(
    `load_members ${host.path("staged/members")}; { ${line}; } >&2`,
  );
  expect(status).toBe(0);
  return stderr;
}

beforeEach(() => {
  hosts = new Hosts();
  host = hosts.all[0];
  for (const program of ["systemctl", "systemd-run"]) {
    host.write(
      `/usr/bin/${program}`,
      `#!/bin/bash
      echo ${program} "$@" >> ${host.path("/told")}
      case $1 in
        is-active) if grep -qs "$2" ${host.path("/down")}; then echo inactive; else echo active; fi ;;
        start) rm -f ${host.path("/down")} ;;
        show) echo "$PPID" ;;
      esac\n`.replaceAll(/^ {6}/gm, ""),
    );
    chmodSync(host.path(`/usr/bin/${program}`), 0o755);
  }
});

afterEach(() => hosts.destroy());

test("a sentinel is stopped by the unit that starts it again, after the timer of its return is armed", async () => {
  const { members } = host.releaseFiles();
  host.write("staged/members", members.replace("sentinel-return 15", "sentinel-return 33"));
  host.write("current/redis-sentinel.service", "[Service]\n");
  host.write("/etc/systemd/system/redis-sentinel.service", "somebody else's");
  await printed("stop_sentinel");
  expect(host.read("/etc/systemd/system/redis-sentinel.service")).toBe("[Service]\n");
  expect(told()).toEqual([
    "systemctl show -p UnitPath --value",
    "systemctl daemon-reload",
    "systemctl is-enabled --quiet redis-sentinel.service",
    "systemctl stop redis-sentinel-return.timer",
    "systemctl reset-failed redis-sentinel-return.service",
    expect.stringMatching(
      /^systemd-run .*--on-active=33 .*systemctl start redis-sentinel.service$/,
    ),
    "systemctl stop redis-sentinel.service",
  ]);
});

test("what an interrupted run has left down is started before the gate is asked", async () => {
  host.write("staged/members", host.releaseFiles().members);
  for (const file of ["/etc/systemd/system", "current"]) {
    host.write(`${file}/redis-sentinel.service`, "[Service]\n");
  }
  host.write("/down", "redis-sentinel.service");
  await printed(
    `make_release() { release=one; }
    refuse_evicting_maxmemory() { :; }
    gate() { echo gate >> ${host.path("/told")}; }
    enter_rollout`,
  );
  expect(told().filter((line) => /--no-block|gate/.test(line))).toEqual([
    "systemctl start --no-block redis-sentinel.service",
    "gate",
  ]);
});

test("a step's last word is what it did, on one line that is another each time", async () => {
  host.write("staged/members", host.releaseFiles().members);
  const words = (await printed("end_step; end_step; did restarted; did started; end_step")).split(
    "\n",
  );
  expect(words[0]).toMatch(/^nothing owed \[[0-9a-f]{8}\]$/);
  expect(words[1]).toMatch(/^nothing owed \[/);
  expect(words[1]).not.toBe(words[0]);
  expect(words[2]).toMatch(/^restarted; started \[/);
  expect(words).toHaveLength(4);
});

test("a node is not stopped on a full disk: it would not start again", async () => {
  host.write("staged/members", host.releaseFiles().members);
  host.write(
    "/usr/bin/df",
    "#!/bin/bash\necho Avail; case ${!#} in */log/*) echo 15 ;; *) echo 16 ;; esac\n",
  );
  chmodSync(host.path("/usr/bin/df"), 0o755);
  const { status, stderr } = await host.shell(
    `load_members ${host.path("staged/members")}; install_unit() { :; }; restart_node`,
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(/error: \S*\/log\/redis-cluster has 15 MiB free; expected at least 16/);
  expect(told()).toEqual(["systemctl is-active redis-cluster.service"]);
});

test.each([
  ["nothing", "none none", ""],
  ["the sentinel's return", "live live", "sentinel-return 33"],
])("a change of %s is owed as %s", async (_what, owed, line) => {
  const { members } = host.releaseFiles();
  for (const [file, text] of Object.entries(host.releaseFiles()))
    host.write(`staged/${file}`, text);
  for (const unit of ["redis-cluster.service", "redis-sentinel.service"]) {
    host.write(`staged/${unit}`, "[Service]\n");
    host.write(`/etc/systemd/system/${unit}`, "[Service]\n");
  }
  const hash = (await printed(`release_hash ${host.path("staged")}`)).trim();
  host.release(hash, "current", {
    "redis-cluster.service": "[Service]\n",
    "redis-sentinel.service": "[Service]\n",
  });
  for (const daemon of ["node", "sentinel"]) {
    host.write(`/run/redis-cluster/${daemon}/release`, `${hash}\n`);
  }
  if (line) host.write("staged/members", members.replace("sentinel-return 15", line));
  expect(await printed('find_owed; echo "$node_owed $sentinel_owed"')).toBe(`${owed}\n`);
});
