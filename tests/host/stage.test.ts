import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { fileWriter, sections } from "../../components/remote/hostProgram";
import { nodeFiles, sentinelFiles } from "../../components/release/manifest";
import { renderBackupUnits, renderHelperBackupUnits } from "../../components/release/render";
import { host as hostConfig, topologyConfig } from "../helpers/config";
import { Host, Hosts, Outcome, passwords } from "./support/hosts";

// What an SSH user may stage who may run nothing but the host program as root.

jest.setTimeout(30000);

const config = topologyConfig({
  hosts: {
    console: hostConfig("10.77.0.11"),
    "app-1": hostConfig("10.77.0.12"),
    "app-2": hostConfig("10.77.0.13"),
  },
  firewall: { allow: ["10.78.0.0/16"] },
  backup: { hosts: ["console"] },
  users: { application: { keys: ["clé:*"] } },
  redis: { "notify-keyspace-events": "K$" },
});
const [consoleConfig] = config.hosts;
const released = { ...nodeFiles(config, consoleConfig), ...sentinelFiles(config, consoleConfig) };
const isUnit = ([name]: [string, string]) => /\.(service|timer)$/.test(name);
const units = Object.fromEntries(Object.entries(released).filter(isUnit));
const files: Record<string, string> = {
  ...released,
  secrets:
    Object.entries(passwords)
      .map(([name, password]) => `${name} ${password}\n`)
      .join("") + `adopt pässword 1\nhash operator ${"0f".repeat(32)}\n`,
  "tls.key": "-----BEGIN PRIVATE KEY-----\n",
};

const programs = "/usr/local/lib/redis-cluster";
let hosts: Hosts;
let host: Host;

beforeEach(() => {
  hosts = new Hosts();
  [host] = hosts.all;
  host.release("one");
  host.write("staged/members", "as before\n");
  host.write(`${programs}/write-files`, fileWriter());
});

afterEach(() => hosts.destroy());

function installUnits(): void {
  for (const [name, text] of Object.entries(units))
    host.write(
      `${programs}/units/${name}`,
      text.replace(/^Description=.*$/m, "Description=this host"),
    );
  const group = { masterName: "this host", instance: undefined };
  for (const [kind, text] of Object.entries(renderHelperBackupUnits(group)))
    host.write(`${programs}/units/redis-cluster-backup.${kind}`, text);
}

function stage(what: Record<string, string>, end = "==> end <==\n"): Promise<Outcome> {
  const input = Object.entries(what).map(([name, text]) => `==> ${name} <==\n${text}`);
  const token = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  return host.feed(
    `owner redis-cluster/test\n${input.join("")}${end}`,
    "claim",
    "sentinel",
    token,
    "new",
  );
}

const stagedFiles = () => readdirSync(host.path("staged")).sort();

test("all that this program writes is taken, where an administrator installed the program too", async () => {
  installUnits();
  expect(await stage(files)).toMatchObject({ status: 0, stderr: "" });
  expect(stagedFiles()).toEqual(Object.keys(files).sort());
  for (const [name, text] of Object.entries(files)) expect(host.read(`staged/${name}`)).toBe(text);
  expect(readdirSync(host.path("releases"))).toEqual(["one"]);
});

const unit = units["redis-cluster.service"];
const asRoot = unit.replace("User=redis\n", "").replace("/usr/bin/redis-server", "/bin/sh");
const injected = join(tmpdir(), `injected-${process.pid}`);
const injection = `a[$(touch ${injected})]`;

test.each<[string, string, string, RegExp]>([
  ["a file of another name", "redis.sh", "x\n", /redis.sh is no file of a release/],
  ["a number that is none", "members", `quorum ${injection}\n`, /members: line 1/],
  ["an address that is none", "members", "node app-1 $(id) 6389\n", /members: line 1/],
  ["a port that is none", "members", "node app-1 10.0.0.1 6389;id\n", /members: line 1/],
  ["an unknown keyword", "members", "# \ncommand id\n", /members: line 2/],
  ["a name for sed", "redis.conf", "x$/e 1\n", /redis.conf: line 1/],
  ["a directive that begins later", "redis.conf", " databases 1\n", /redis.conf: line 1/],
  ["a control character", "redis.conf", "port 1\nhz 1\r2\n", /redis.conf/],
  ["a password of other letters", "secrets", "operator a b\n", /secrets: line 1/],
  ["a hash that is none", "secrets", "hash operator 1234\n", /secrets: line 1/],
  ["a rule that is no user", "users.acl", "user -x on\n", /users.acl: line 1/],
  ["another table", "firewall.nft", "flush ruleset\n", /firewall.nft: line 1/],
  ["a file to include", "firewall.nft", 'include "/etc/shadow"\n', /firewall.nft: line 1/],
  ["a unit of another name", "other.service", unit, /other.service is no file/],
])("%s is refused, and nothing of what came with it is staged", async (_, name, text, words) => {
  installUnits();
  const { status, stderr } = await stage({ ...files, [name]: text });
  expect(status).toBe(1);
  expect(stderr).toMatch(/error: nothing was staged: .*; expected files as this version/);
  expect(stderr).toMatch(words);
  expect(stagedFiles()).toEqual(["members"]);
  expect(host.read("staged/members")).toBe("as before\n");
  expect(readdirSync(host.path("releases"))).toEqual(["one"]);
});

test("root starts the administrator's units, whatever is staged", async () => {
  installUnits();
  host.program("systemctl");
  host.release("two", "current", { "redis-cluster.service": asRoot });
  expect(await host.act("install", "node")).toMatchObject({ status: 0, stderr: "" });
  const installed = () => host.read("/etc/systemd/system/redis-cluster.service");
  expect(installed()).toBe(host.read(`${programs}/units/redis-cluster.service`));
  // Where there are none, Pulumi's own.
  rmSync(host.path(`${programs}/units`), { recursive: true });
  expect(await host.act("install", "node")).toMatchObject({ status: 0, stderr: "" });
  expect(installed()).toBe(asRoot);
});

test("when the administrator's backup begins is the stack's to say, and nothing else of it", async () => {
  installUnits();
  host.program("systemctl");
  const [service, timer] = ["redis-cluster-backup.service", "redis-cluster-backup.timer"];
  const their = (unit: string) => host.read(`${programs}/units/${unit}`);
  const installed = (unit: string) => host.read(`/etc/systemd/system/${unit}`);
  const backup = { hosts: ["console"], onCalendar: "daily", keep: 7 };
  const its = renderBackupUnits({ masterName: "mine", instance: undefined, backup }, "console");
  const planted = its.service
    .replace("User=redis", "User=root")
    .replace(/ExecStart=.*/, "ExecStart=/bin/sh");
  let count = 0;
  const beside = "from redis_cluster.beside import apply_beside\napply_beside()";
  const staged = async (when: string) => {
    const release = `r${++count}`;
    host.release(release, "current", { [service]: planted, [timer]: when });
    expect(await host.python(beside)).toMatchObject({ status: 0, stderr: "" });
    expect(installed(service)).toBe(their(service));
    return installed(timer);
  };
  const daily = their(timer);
  const hourly = daily.replace("OnCalendar=daily", "OnCalendar=*-*-* *:00/30:00");
  expect(daily).not.toBe(hourly);
  const own = its.timer;
  expect(await staged(own.replace("=daily", "=*-*-* *:00/30:00"))).toBe(hourly);
  // A line of its own below it, another unit, a command in place of a time.
  for (const more of ["\nUnit=other.service", "\nExecStart=/bin/sh", "\nOnCalendar=weekly"])
    expect(await staged(own.replace("=daily", `=*-*-* *:00/30:00${more}`))).toBe(hourly);
  for (const when of ["$(id)", "daily\\nUser=root", "daily\rUser=root", "", "%h", "a".repeat(200)])
    expect(await staged(own.replace("=daily", `=${when}`))).toBe(daily);
});

test("what a step stages comes below its own lines, and the step goes on by those", async () => {
  const input = `# plan 0123456789abcdef\nnonsense\n==> secrets <==\n${files.secrets}==> end <==\n`;
  const { status, stderr } = await host.feed(input, "node-start", "redis-cluster/test");
  expect([status, stderr]).toEqual([1, expect.stringContaining("this step was told 'nonsense'")]);
  expect(host.read("staged/secrets")).toBe(files.secrets);
  // Half of it.
  const half = await host.feed(
    "# plan 0123456789abcdef\n==> secrets <==\nx y",
    "node-start",
    "redis-cluster/test",
  );
  expect(half).toMatchObject({ status: 1 });
  expect(half.stderr).toContain("nothing was staged: what came was not whole");
  expect(host.read("staged/secrets")).toBe(files.secrets);
});

test("a claim whose files are refused is not in force: the next one is no replacement's", async () => {
  expect(await stage({ "redis.sh": "x\n" })).toMatchObject({ status: 1 });
  expect(existsSync(host.path(`${programs}/claim.sentinel`))).toBe(false);
  expect(await stage(files)).toMatchObject({ status: 0 });
  expect(host.read(`${programs}/claim.sentinel`).split("\n")[0]).toBe(
    "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
  );
});

test("half of what was sent is refused", async () => {
  const { status, stderr } = await stage(files, "");
  expect(status).toBe(1);
  expect(stderr).toContain("nothing was staged: what came was not whole");
  expect(stagedFiles()).toEqual(["members"]);
});

test.each([
  ["node", `6f9619ff-8b86-d011-b42d-00cf4fc964ff\nreplaced ${injection}`],
  ["../x", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"],
])("no claim is made of %s and what is no id", async (component, token) => {
  for (const verb of ["claim", "unclaim"]) {
    const { status, stderr } = await host.run(verb, component, token, "new");
    expect(status).toBe(1);
    expect(stderr).toContain("expected a component and an id");
  }
  expect(existsSync(injected)).toBe(false);
});

test.each(["--help", "0", "1 2", injection, ""])("no verb runs within '%s'", async (seconds) => {
  const { status, stderr } = await host.run("within", seconds, "gate");
  expect(status).toBe(1);
  expect(stderr).toContain("expected a number of seconds");
});

test("on a host that has nothing yet the script that writes files comes before them, and they come whole", () => {
  const directory = host.path("/usr/local/lib/new");
  const write = (files: string) =>
    spawnSync(
      "bash",
      ["-s", "--", directory, "0755", `${process.getuid!()}:${process.getgid!()}`],
      { input: fileWriter() + files, encoding: "utf8" },
    );
  const program = "$(exit 3)\nexit 4\n";
  expect(write(`==> program <==\n${program}==> end <==\n# repair 1\n`)).toMatchObject({
    status: 0,
    stderr: "",
    stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) as unknown,
  });
  expect(readdirSync(directory)).toEqual(["program"]);
  // Units run it as redis.
  for (const path of [directory, `${directory}/program`])
    expect(statSync(path).mode & 0o777).toBe(0o755);
  const { status, stderr } = write("==> program <==\n$(exit 3)\n");
  expect(status).toBe(1);
  expect(stderr).toContain(`nothing written to ${directory}, the old files stay`);
  expect(host.read("/usr/local/lib/new/program")).toBe(program);
});

test("a package of modules takes the place of the one before as a whole, for everybody to read", () => {
  const directory = host.path("/usr/local/lib/new");
  const write = (files: Record<string, string>, length?: number, ...packaged: string[]) => {
    const text = sections(files);
    const input = packaged.length > 0 ? gzipSync(text).toString("base64") : text;
    return spawnSync(
      "bash",
      [
        ...["-s", "--", directory, "0755", `${process.getuid!()}:${process.getgid!()}`],
        ...packaged,
      ],
      { input: fileWriter() + input.slice(0, length), encoding: "utf8" },
    );
  };
  const everything = () => readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  const found = () => everything().filter((path) => !path.includes("__pycache__"));
  const program = { program: "exit\n" };
  for (const module of ["package/old.py", "package/decide/old.py"]) {
    const files = { ...program, "package/__init__.py": "", [module]: "x = 1\n" };
    expect(write(files, undefined, "package")).toMatchObject({ status: 0, stderr: "" });
    const directories = module.split("/").slice(0, -1);
    expect(found()).toEqual(
      [
        ...new Set(["package", directories.join("/"), "package/__init__.py", module, "program"]),
      ].sort(),
    );
    expect(host.read(`/usr/local/lib/new/${module}`)).toBe("x = 1\n");
    expect(statSync(`${directory}/${module}`).mode & 0o777).toBe(0o644);
    expect(statSync(`${directory}/package`).mode & 0o777).toBe(0o755);
    // What Python has made of it too.
    const [cached, ...more] = everything().filter((path) =>
      /__pycache__\/old\..*\.pyc$/.test(path),
    );
    expect([dirname(dirname(cached)), more]).toEqual([directories.join("/"), []]);
    expect(statSync(join(directory, cached)).mode & 0o777).toBe(0o644);
    expect(statSync(join(directory, dirname(cached))).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(directory, cached), "latin1")).toContain(`${directory}/${module}`);
  }
  const before = found();
  const cut = write({ "package/cut.py": "x = 1\n".repeat(1000) }, 40, "package");
  expect(cut.status).toBe(1);
  expect(cut.stderr).toContain(`nothing written to ${directory}, the old files stay`);
  expect(found()).toEqual(before);
  // Such a name is one of a package's modules alone; else a line of the file before.
  for (const [name, ...packaged] of [
    ["package/new.py"],
    ["package/../new.py", "package"],
    ["other/new.py", "package"],
  ]) {
    write({ ...program, [name]: "" }, undefined, ...packaged);
    expect(found().filter((path) => path.endsWith("new.py"))).toEqual([]);
  }
});

describe("of the programs that an administrator installed", () => {
  const programs = "/usr/local/lib/redis-cluster";
  const sum = (text: string) => createHash("sha256").update(text).digest("hex");
  const sums = `${sum(fileWriter())}  write-files\n`;
  const check = (line: string) =>
    host.feed(`${line}\n`, "check-programs", "redis-cluster/test", "redis-test-cluster");
  beforeEach(() => host.write(`${programs}/sums`, sums));

  test("another version is refused, with what helps", async () => {
    installUnits();
    const { status, stderr } = await check(`program ${sum("other")} sums`);
    expect(status).toBe(1);
    expect(stderr).toContain(`${programs}/sums, which an administrator installed here`);
    expect(stderr).toContain(`expected the one with the sha256 ${sum("other")}`);
    expect(stderr).toContain("npm run host-helper");
  });

  test("one that was edited is refused, by its name", async () => {
    installUnits();
    const edited = `${sum("as it was")}  write-files\n`;
    host.write(`${programs}/sums`, edited);
    const { status, stderr } = await check(`program ${sum(edited)} sums`);
    expect(status).toBe(1);
    expect(stderr).toContain(`${programs}/write-files, which an administrator installed here`);
  });

  test("nothing but them is read", async () => {
    installUnits();
    expect((await check(`program ${sum("x")} ../../../../etc/shadow`)).stderr).toContain(
      "unknown program",
    );
  });

  test("the same version is taken, once its units are there too", async () => {
    const line = `program ${sum(sums)} sums`;
    expect((await check(line)).stderr).toContain("was not installed by an administrator");
    installUnits();
    expect(await check(line)).toMatchObject({ status: 0, stderr: "" });
  });
});
