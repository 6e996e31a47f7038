import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { field, Group, replication, says } from "./support/group";
import { masterName, Outcome } from "./support/hosts";
import { Legacy, Migrating, legacyPassword, legacyPort } from "./support/legacy";

// Legacy ones of other shapes: copied whole, or refused before anything is touched.

jest.setTimeout(240000);

let migrating: Migrating;
let group: Group;
let legacy: Legacy;

beforeEach(async () => {
  migrating = await Migrating.begin();
  ({ group, legacy } = migrating);
});

afterEach(() => migrating.end());

const migrate = (stage: string, ...login: string[]): Promise<Outcome> =>
  migrating.migrate(stage, ...login);
const byPassword = `password ${legacyPassword}`;

/** Nothing follows, and no sentinel waits. */
function untouched(): void {
  for (const host of group.all) {
    expect(field(says(host, "MASTER", masterName), "down-after-milliseconds")).toBe("6001");
    expect(field(replication(host), "master_port")).not.toBe(String(legacyPort));
  }
}

/** As docs/operations.md has them. */
const rights = [
  ...["~*", "+@read", "+ping", "+info", "+select", "+client", "+psync", "+replconf"],
  ...["+config|get", "+module|list"],
];

test("several databases, renamed commands, eviction, large values and functions, by a user who may do no more", async () => {
  const user = ["--user", "mover", "on", ">of the mover", ...rights];
  const evicts = ["--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"];
  const renamed = ["CONFIG", "FLUSHALL", "KEYS", "MODULE"];
  const without = renamed.flatMap((name) => ["--rename-command", name, ""]);
  await legacy.start(...user, ...evicts, ...without);
  legacy.fill();
  legacy.ask("-n", "9", "SETRANGE", "large", String(100 << 20), "x");
  const wide = "for i = 1, 70 do redis.call('HSET', KEYS[1], i, string.rep('x', 1048576)) end";
  legacy.ask("-n", "9", "EVAL", wide, "1", "wide");
  legacy.ask("XGROUP", "CREATE", "stream:1", "readers", "0");
  const library = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
  legacy.ask("FUNCTION", "LOAD", library);
  for (const database of ["1", "9", "15"])
    for (let i = 0; i < 3; i++) legacy.ask("-n", database, "SET", `key:${i}`, "x", "EX", "3600");
  const memory = () => Number(field(legacy.ask("INFO", "memory"), "used_memory_peak"));
  const peak = memory();

  const login = ["user mover", "password of the mover"];
  const followed = await migrate("follow", ...login);
  expect(followed.stderr).toBe("");
  expect(followed.stdout).toMatch(
    /keys: db0 3500 of 3500, db1 3 of 3, db3 1 of 1, db9 5 of 5, db15 3 of 3; (\d+) of \1 keys by chance/,
  );
  for (let i = 0; i < 5; i++) expect((await migrate("follow", ...login)).status).toBe(0);
  // No look at it makes it put a whole large value together.
  expect(memory() - peak).toBeLessThan(32 << 20);
  expect((await migrate("cutover", ...login)).stderr).toBe("");
  await group.whole();
  for (const host of group.all) {
    expect(host.ask("node", "-n", "9", "STRLEN", "large")).toBe(`${(100 << 20) + 1}\n`);
    expect(host.ask("node", "-n", "9", "HSTRLEN", "wide", "70")).toBe("1048576\n");
    expect(host.ask("node", "FUNCTION", "LIST")).toContain("lib");
    expect(host.ask("node", "XINFO", "GROUPS", "stream:1")).toContain("readers");
    expect(Number(host.ask("node", "-n", "15", "TTL", "key:1"))).toBeGreaterThan(3000);
  }
});

/** The keys are compared once the brief one has expired, which nobody deletes while writes are held. */
const late = `
_differences = Migration.differences
def _late(self: Migration) -> list[str]:
    until = time.monotonic() + 8
    connection = self.source.connect()
    connection.ask([["SELECT", "5"]], 5)
    while connection.ask([["PTTL", "brief"]], 5) != [-2] and time.monotonic() < until:
        time.sleep(0.05)
    return _differences(self)
Migration.differences = _late
`;

test("a database whose last key expires while writes are held does not hang the legacy one", async () => {
  appendFileSync(join(group.directory, "redis_cluster", "migrate.py"), late);
  await legacy.start();
  expect((await migrate("follow", byPassword)).status).toBe(0);
  legacy.ask("-n", "5", "SET", "brief", "1", "PX", "5000");
  const cut = await migrate("cutover", byPassword);
  expect(legacy.ask("PING")).toBe("PONG");
  expect(cut).toMatchObject({ status: 0, stderr: "" });
  await group.whole();
});

test("one that has grown beyond the group's maxmemory since is not cut over to", async () => {
  await legacy.start();
  for (const host of group.all) host.ask("node", "CONFIG", "SET", "maxmemory", "40mb");
  expect((await migrate("follow", byPassword)).status).toBe(0);
  legacy.ask("SETRANGE", "large", String(60 << 20), "x");
  const { status, stderr } = await migrate("cutover", byPassword);
  expect(status).not.toBe(0);
  expect(stderr).toMatch(
    /its data take \d+ bytes, and redis.maxmemory on console is 41943040; expected room/,
  );
  expect(legacy.ask("SET", "goes", "on")).toBe("OK");
});

test.each([
  ["a replica", ["--replicaof", "127.0.0.1", "1"], "its role is 'slave'; expected a master"],
  [
    "one whose CLIENT is renamed",
    ["--rename-command", "CLIENT", "hidden"],
    "it refuses CLIENT LIST, CLIENT PAUSE with 'ERR unknown command 'CLIENT'",
  ],
])("%s is refused before anything is touched", async (_, options, says) => {
  await legacy.start(...options);
  const { status, stderr } = await migrate("follow", byPassword);
  expect(status).not.toBe(0);
  expect(stderr).toContain(says);
  untouched();
});

test("a user without the rights is refused before anything is touched", async () => {
  await legacy.start(
    "--user",
    "reader",
    "on",
    ">of the reader",
    "~app:*",
    "+@read",
    "+ping",
    "+info",
  );
  const { stderr } = await migrate("follow", "user reader", "password of the reader");
  expect(stderr).toMatch(/it refuses CLIENT LIST, REPLCONF, SELECT, .*, CLIENT PAUSE with 'NOPERM/);
  untouched();
});
