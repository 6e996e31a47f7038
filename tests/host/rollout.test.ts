import { readFileSync, readlinkSync } from "node:fs";
import { Host, Hosts, releaseHash } from "./support/hosts";

// The steps' own decisions, on a host whose systemd is a script that notes what it was told.

jest.setTimeout(30000);

let hosts: Hosts;
let host: Host;

const told = () => readFileSync(host.path("/told"), "utf8").trim().split("\n");

beforeEach(() => {
  hosts = new Hosts();
  host = hosts.all[0];
  for (const program of ["systemctl", "systemd-run"]) {
    host.program(
      program,
      `echo ${program} "$@" >> ${host.path("/told")}
      case $1 in
        is-active) if grep -qs "$2" ${host.path("/down")}; then echo inactive; else echo active; fi ;;
        start) rm -f ${host.path("/down")} ;;
        show) if [[ $* == *NeedDaemonReload* ]]; then cat ${host.path("/stale")}; else echo "$PPID" "$PPID"; fi ;;
      esac`,
    );
  }
});

afterEach(() => hosts.destroy());

test("a sentinel is stopped by the unit that starts it again, after the timer of its return is armed", async () => {
  host.write("current/redis-sentinel.service", "[Service]\n");
  host.write("/etc/systemd/system/redis-sentinel.service", "somebody else's");
  expect(
    await host.python("from redis_cluster.waits import stop_sentinel\nstop_sentinel(33)"),
  ).toMatchObject({ status: 0, stderr: "" });
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

test.each([
  ["no", false],
  ["yes", true],
])(
  "systemd reads a unit again only where it does not know it as it is: %s",
  async (stale, reads) => {
    host.write("/stale", stale);
    for (const place of ["current", "/etc/systemd/system"])
      host.write(`${place}/redis-sentinel.service`, "[Service]\n");
    expect(await host.act("install", "sentinel")).toMatchObject({ status: 0, stderr: "" });
    expect(told().includes("systemctl daemon-reload")).toBe(reads);
  },
);

test("what an interrupted run has left down is started before the gate is asked", async () => {
  hosts.limit("gate_patience", 0);
  for (const [file, text] of Object.entries(host.releaseFiles()))
    host.write(`staged/${file}`, text);
  for (const unit of ["redis-cluster.service", "redis-sentinel.service"])
    for (const place of ["/etc/systemd/system", "current", "staged"])
      host.write(`${place}/${unit}`, "[Service]\n");
  host.write("/down", "redis-sentinel.service");
  const { status, stderr } = await host.tell("node-roll-master", ["# plan 0123456789abcdef"]);
  expect([status, stderr]).toEqual([1, expect.stringContaining("error: the group is not whole")]);
  expect(told().filter((line) => line.includes("--no-block"))).toEqual([
    "systemctl start --no-block redis-sentinel.service",
  ]);
});

test("a release that a cut-off run has left for the next start gives way to the one that both daemons run with", async () => {
  const files = host.releaseFiles();
  for (const [file, text] of Object.entries(files)) host.write(`staged/${file}`, text);
  const staged = releaseHash(host.path("staged"));
  for (const unit of ["redis-cluster.service", "redis-sentinel.service"])
    host.write(`/etc/systemd/system/${unit}`, files[unit] ?? "");
  host.release(staged, "previous", files);
  host.release("0123456789abcdef", "current", { "redis.conf": `${files["redis.conf"]}hz 20\n` });
  for (const daemon of ["node", "sentinel"])
    host.write(`/run/redis-cluster/${daemon}/release`, `${staged}\n`);
  host.write("initialised", "");
  const { status, stderr } = await host.tell("sentinel-roll", ["# plan 0123456789abcdef"]);
  expect([status, stderr]).toEqual([0, ""]);
  expect(readlinkSync(host.path("current"))).toBe(`releases/${staged}`);
});
