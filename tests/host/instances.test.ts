import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { ownerCheck } from "../../components/remote/hostProgram";
import { pretendDebian } from "./support/deployed";
import { Host, Hosts, Outcome } from "./support/hosts";

// Several groups on one host, each with a program of its own, which tells by its place of which group it is.

jest.setTimeout(30000);

const token = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
const [dev, other] = ["redis-cluster/dev", "redis-cluster/other"];

let hosts: Hosts;
let host: Host;

beforeEach(() => {
  hosts = new Hosts(["console"]);
  [host] = hosts.all;
  rmSync(host.path("."), { recursive: true });
  pretendDebian(host);
  mkdirSync(host.path("/etc/logrotate.d"), { recursive: true });
  for (const name of ["redis-cluster-cache", "redis-cluster"]) install(name);
});

afterEach(() => hosts.destroy());

/** Puts the program where that group's is. */
function install(name: string): void {
  const programs = host.path(`/usr/local/lib/${name}`);
  const ours = host.path("/usr/local/lib/redis-cluster");
  if (programs !== ours) cpSync(ours, programs, { recursive: true });
  cpSync(hosts.program, `${programs}/redis-cluster`);
}

/** A verb of that group's program. opened: as sudo begins one whose checksum is in sudoers, by the file that it has open. */
function verb(name: string, opened: boolean, input: string, args: string[]): Outcome {
  const program = host.path(`/usr/local/lib/${name}/redis-cluster`);
  const line = `exec 7<"$0"; exec /usr/bin/python3 -IS ${opened ? "/dev/fd/7" : '"$0"'} "$@"`;
  const { status, stdout, stderr } = spawnSync("/bin/bash", ["-c", line, program, ...args], {
    input,
    env: { REDIS_CLUSTER_ROOT: host.root, TMPDIR: host.path("/tmp") },
    encoding: "utf8",
  });
  return { status: status ?? -1, stdout, stderr, seconds: 0 };
}

const run = (name: string, input: string, ...args: string[]) => verb(name, false, input, args);

const claim = (name: string, owner: string, port: number, ...files: string[]) =>
  run(
    name,
    `owner ${owner}\nnode-port ${port}\n${files.join("")}==> end <==\n`,
    "claim",
    "node",
    token,
  );

const conf = (port: number) => `==> redis.conf <==\nport ${port}\n`;

/** What the host has by the name of a group, and what is in each file of it. */
function belongings(name: string): string[] {
  const its = (path: string) =>
    path
      .split("/")
      .find((part) => part.startsWith("redis-cluster"))
      ?.split(".")[0] === name;
  return readdirSync(host.root, { recursive: true, encoding: "utf8" })
    .filter(its)
    .sort()
    .map((path) => {
      const found = statSync(host.path(`/${path}`));
      return `${path} ${found.isFile() ? readFileSync(host.path(`/${path}`), "utf8") : ""}`;
    })
    .filter((line) => !line.includes("__pycache__"));
}

test("what one prepares, stages and takes away is its own, and the rotation of its logs", () => {
  const before = belongings("redis-cluster");
  expect(claim("redis-cluster-cache", other, 7389, conf(7389))).toMatchObject({ status: 0 });
  expect(belongings("redis-cluster")).toEqual(before);
  const own = belongings("redis-cluster-cache").join("\n");
  for (const place of [
    "etc/redis-cluster-cache/managed/staged/redis.conf port 7389",
    "var/lib/redis-cluster-cache",
    "var/log/redis-cluster-cache",
    "run/redis-cluster-cache.lock",
    `usr/local/lib/redis-cluster-cache/owner ${other}`,
  ])
    expect(own).toContain(place);
  expect(host.read("/etc/logrotate.d/redis-cluster-cache")).toContain(
    "\n/var/log/redis-cluster-cache/*.log {\n",
  );
  expect(claim("redis-cluster", dev, 6389, conf(6389))).toMatchObject({ status: 0 });
  const after = belongings("redis-cluster");
  expect(
    run("redis-cluster-cache", "", "unclaim", "node", token, "delete-data", other),
  ).toMatchObject({
    status: 0,
  });
  expect(belongings("redis-cluster-cache").map((line) => line.split(" ")[0])).toEqual([
    "run/redis-cluster-cache.lock",
  ]);
  expect(belongings("redis-cluster")).toEqual(after);
});

test("the name of a group may end in digits", () => {
  const name = "redis-cluster-eu2";
  install(name);
  const unit = `==> ${name}.service <==\n[Service]\n`;
  expect(claim(name, other, 7389, conf(7389), unit)).toMatchObject({ status: 0 });
  const staged = (file: string) => host.read(`/etc/${name}/managed/staged/${file}`);
  expect([staged("redis.conf"), staged(`${name}.service`)]).toEqual(["port 7389\n", "[Service]\n"]);
});

test.each([
  ["redis-cluster", "redis-cluster-cache"],
  ["redis-cluster-cache", "redis-cluster"],
])("a port of %s is refused to %s before anything is staged, though nobody listens", (one, two) => {
  expect(claim(one, dev, 7389, conf(7389))).toMatchObject({ status: 0 });
  const said = claim(two, other, 7389, conf(7389));
  expect(said.status).toBe(1);
  expect(said.stderr).toContain(
    `port 7389 is that of another group on this host, by ${host.path(`/etc/${one}/managed/staged/redis.conf`)}; ` +
      "expected one of this group's own. Change redis-cluster:nodePort. Nothing was changed",
  );
  expect(belongings(two).join("\n")).not.toContain("7389");
  expect(claim(two, other, 7390, conf(7390))).toMatchObject({ status: 0 });
});

test("each belongs to a stack of its own", () => {
  expect(claim("redis-cluster", dev, 6389, conf(6389))).toMatchObject({ status: 0 });
  const check = (...args: string[]) =>
    spawnSync("/bin/sh", ["-s", "--", ...args], {
      input: ownerCheck(),
      env: { REDIS_CLUSTER_ROOT: host.root },
      encoding: "utf8",
    });
  expect(check(other, "redis-other-cluster", "-", "cache").status).toBe(0);
  expect(claim("redis-cluster-cache", other, 7389, conf(7389))).toMatchObject({ status: 0 });
  for (const args of [
    [dev, "redis-dev-cluster", "-", "cache"],
    [other, "redis-other-cluster"],
  ]) {
    const said = check(...args);
    expect(said.status).toBe(1);
    expect(said.stderr).toContain(`this host belongs to ${args[0] === dev ? other : dev};`);
  }
});

test("of which group a program is, it tells by its place also where sudo has opened it", () => {
  expect(claim("redis-cluster", dev, 6389, conf(6389))).toMatchObject({ status: 0 });
  const says = (name: string, owner: string) =>
    verb(name, true, "", ["check-programs", owner, "any"]).stderr;
  expect(says("redis-cluster", other)).toContain(`this host belongs to ${dev};`);
  for (const [name, owner] of [
    ["redis-cluster-cache", other],
    ["redis-cluster", dev],
  ])
    expect(says(name, owner)).toContain(
      `${host.path(`/usr/local/lib/${name}`)} was not installed by an administrator`,
    );
});

test("no rule of a firewall is staged for another's table", () => {
  const rules = (table: string) =>
    `==> firewall.nft <==\ntable inet ${table}\nflush table inet ${table}\n`;
  const cache = (table: string) => claim("redis-cluster-cache", other, 7389, rules(table));
  expect(cache("redis_cluster").stderr).toContain("nothing was staged: firewall.nft: line 1");
  expect(cache("redis_cluster_cache")).toMatchObject({ status: 0 });
  expect(claim("redis-cluster", dev, 6389, rules("redis_cluster_cache")).stderr).toContain(
    "nothing was staged: firewall.nft: line 1",
  );
});
