import { chmodSync, readdirSync } from "node:fs";
import { validated } from "./support/deployed";
import { Host, Hosts, masterName, passwords, releaseHash } from "./support/hosts";

jest.setTimeout(30000);

let hosts: Hosts;
let host: Host;

beforeEach(() => {
  hosts = new Hosts();
  host = hosts.all[0];
});

afterEach(() => hosts.destroy());

const validate = (files: Record<string, string> = {}) => {
  host.release("new", "staged", files);
  return validated(host);
};

test("accepts a release, and leaves nothing behind", async () => {
  const outcome = await validate();
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
  expect(readdirSync(host.path("/tmp"))).toEqual([]);
  expect(readdirSync(host.path("/var/lib/redis-cluster"))).toEqual([]);
});

test("a release is without the sentinel that its host has no more, though that is staged still", async () => {
  const members = host.releaseFiles().members.replace(/^sentinel console .*\n/m, "");
  host.release("new", "staged", { members, "redis-sentinel.service": "[Service]\n" });
  const made = await host.python(
    "from redis_cluster.validate import make_release\nprint(make_release())",
  );
  expect(made).toMatchObject({ status: 0, stderr: "" });
  const files = readdirSync(host.path(`releases/${made.stdout.trim()}`));
  expect(files).toContain("redis.conf");
  expect(files.filter((name) => name.includes("sentinel"))).toEqual([]);
  // Its name is the hash of all that is in it.
  expect(made.stdout.trim()).toBe(releaseHash(host.path(`releases/${made.stdout.trim()}`)));
});

test("beside the running daemons on the same data, ports and log", async () => {
  host.write("bootstrap", "console\n");
  await host.composeAndStart("node");
  await host.composeAndStart("sentinel");
  const log = host.path("/log");
  // What the user redis could write or load by mistake.
  chmodSync(host.root, 0o777);
  host.write("/var/lib/redis-cluster/dump.rdb", "not to be loaded");
  // Meanwhile the running node is stamped.
  const data = () =>
    readdirSync(host.path("/var/lib/redis-cluster"), { recursive: true, encoding: "utf8" }).filter(
      (file) => !file.startsWith("stamp."),
    );
  const before = data();
  const sentinels = () =>
    host.ask("sentinel", "sentinel", "sentinels", masterName).match(/^runid\n.*$/gm);
  const known = sentinels();
  const { "redis.conf": conf } = host.releaseFiles();
  expect(
    await validate({
      "redis.conf": `${conf}logfile ${log}\npidfile ${host.path("/pid")}\nunixsocket ${host.path("/s")}\nsupervised systemd\ndaemonize yes\n`,
    }),
  ).toMatchObject({
    status: 0,
  });
  expect(readdirSync(host.root).filter((file) => ["log", "pid", "s"].includes(file))).toEqual([]);
  expect(data()).toEqual(before);
  expect(sentinels()).toEqual(known);
  expect(host.ask("sentinel", "sentinel", "master", masterName)).toContain(host.address);
});

test.each([
  [
    "a directive that this version does not have, and says which it is,",
    "redis.conf",
    "maxmemroy 1gb\n",
    /redis.conf was refused: (.|\n)*maxmemroy(.|\n)*refused by Redis server v=\d[.\d]*; nothing that runs/,
  ],
  ["a bad value", "redis.conf", "maxmemory-policy everything\n", /argument\(s\) must be one of/],
  [
    "an ACL rule",
    "users.acl",
    "user application on +@nothing\n",
    /redis.conf was refused: (.|\n)*@nothing/,
  ],
  [
    "a sentinel directive",
    "sentinel.conf",
    `sentinel down-aftr ${masterName} 1\n`,
    /sentinel.conf was refused: (.|\n)*down-aftr/,
  ],
  [
    "a sentinel's ACL rule",
    "sentinel-users.acl",
    "user application on +@nothing\n",
    /sentinel.conf was refused: (.|\n)*@nothing/,
  ],
])("refuses %s in Redis's own words, without a secret", async (_, file, line, words) => {
  const outcome = await validate({ [file]: host.releaseFiles()[file] + line });
  expect(outcome.status).not.toBe(0);
  expect(outcome.stderr).toMatch(words);
  expect(outcome.stderr).not.toContain("Configuration loaded");
  for (const password of Object.values(passwords)) expect(outcome.stderr).not.toContain(password);
});

test("the hash of a password is in no complaint either", async () => {
  const { secrets } = host.releaseFiles();
  const outcome = await validate({
    secrets: `${secrets}hash reports ${"a1".repeat(32)}\n`,
    "users.acl": 'user reports on #reports "\n',
  });
  expect(outcome.stderr).toMatch(/redis.conf was refused: (.|\n)*user reports on #\.\.\. /);
  expect(outcome.stderr).not.toContain("a1a1");
});

describe("the table of a firewall", () => {
  const table = { "firewall.nft": "table inet redis_cluster {\n}\n" };
  const unit = { "redis-cluster-firewall.service": "[Service]\n" };

  test("is refused in nft's own words before it is in force", async () => {
    host.program("nft", "echo 'Error: syntax error' >&2; exit 1");
    // One that asks for nothing is nobody's to refuse.
    expect(await validate()).toMatchObject({ status: 0, stderr: "" });
    const { status, stderr } = await validate(table);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(
        /firewall.nft was refused: Error: syntax error; nothing that runs was touched. Correct redis-cluster:firewall/,
      ),
    ]);
  });

  test("that the kernel does not take ends the step with the unit's words", async () => {
    host.release("two", "current", { ...table, ...unit });
    host.program("systemctl", "if [[ $1 == *restart ]]; then exit 1; fi");
    host.program("journalctl", "echo no such chain");
    const { status, stderr } = await host.python(
      "from redis_cluster.beside import apply_beside\napply_beside()",
    );
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(
        /redis-cluster-firewall.service was refused: no such chain. Look at \S+ and redis-cluster:firewall, then run/,
      ),
    ]);
  });
});
