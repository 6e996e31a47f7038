import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fileWriter, sections } from "../../components/hostProgram";
import { pretendDebian } from "./support/deployed";
import { Host, Hosts } from "./support/hosts";

// What a host needs before anything of ours runs there.

let hosts: Hosts;
let host: Host;
beforeEach(() => {
  hosts = new Hosts(["console"]);
  [host] = hosts.all;
});
afterEach(() => hosts.destroy());

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
  mkdirSync(host.path("/new"));
  const owner = `${process.getuid!()}:${process.getgid!()}`;
  const outcome = spawnSync("bash", ["-s", "--", host.path("/new"), "0755", owner, "package"], {
    input:
      fileWriter() + gzipSync(sections({ program: "", "package/x.py": "" })).toString("base64"),
    env: { REDIS_CLUSTER_ROOT: host.root, PATH: `${host.path("/usr/bin")}:/usr/bin:/bin` },
    encoding: "utf8",
  });
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
  expect(host.read("/apt").replace("install python3\n", "")).toBe(said);
});

test("what Python makes of the modules is for redis to read", async () => {
  pretendDebian(host);
  rmSync(host.path("."), { recursive: true });
  const id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  const outcome = await host.feed("owner a/b\n", "claim", "node", id);
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
  const compiled = join(hosts.directory, "redis_cluster", "__pycache__");
  expect(readdirSync(compiled)).toContainEqual(expect.stringMatching(/^resp\..*\.pyc$/));
  expect(statSync(compiled).mode & 0o777).toBe(0o755);
  for (const file of readdirSync(compiled))
    expect(statSync(join(compiled, file)).mode & 0o777).toBe(0o644);
});
