import { Host, Hosts } from "./support/hosts";

// What a node makes of its AOF at a start: Redis replays it as the user default, and leaves out of transactions,
// scripts and functions what that user may not do.

jest.setTimeout(60000);

let group: Hosts;
let host: Host;
afterEach(() => group.destroy());

/** The users of a release from before that was known. */
const oldUsers = (): string => usersWith(oldDefault);
/** The users while the legacy group's clients are served. */
const adoptingUsers = (): string =>
  usersWith(
    "user default on >adopt ~* &* -@all +@all -@admin -@dangerous +info +role +sort +sort_ro +@write",
  );
const usersWith = (line: string): string =>
  host.releaseFiles()["users.acl"].replace(/^user default .*$/m, line);
const oldDefault = "user default off resetpass resetkeys resetchannels -@all";

function alone(): void {
  group = new Hosts(["console"], []);
  [host] = group.all;
  host.write("bootstrap", "console\n");
  group.limit("gate_patience", 0);
}

/** What the gate says of replays: a group without a sentinel has other faults. */
const gate = async () =>
  (await host.run("gate")).stderr
    .split("\n")
    .filter((line) => / may not do all writes; | has refused commands /.test(line))
    .join("\n");

/** Writes of every kind that goes into an AOF as a transaction. */
function write(): void {
  const node = (...command: string[]) => host.ask("node", ...command);
  node("SET", "flushed", "a");
  node("EVAL", "redis.call('flushdb') redis.call('set', 'after', 'a')", "0");
  const connection = host.connect("node", "operator", "operator-of-the-test-hosts-0123456789");
  for (const command of ["MULTI", "SET multi:1 a", "SET multi:2 a", "EXEC"]) {
    void connection.ask(command);
  }
  node("EVAL", "for i = 1, 3 do redis.call('set', KEYS[1] .. i, 'a') end", "1", "eval:");
  node(
    "FUNCTION",
    "LOAD",
    "#!lua name=pair\nredis.register_function('pair', function(k) redis.call('set', k[1], 'a') redis.call('set', k[2], 'a') end)",
  );
  node("FCALL", "pair", "2", "fcall:1", "fcall:2");
  node("SADD", "set", "1", "2", "3", "4", "5");
  node("SPOP", "set", "2");
}

const held = (): string =>
  [
    ...[
      "flushed",
      "after",
      "multi:1",
      "multi:2",
      "eval:1",
      "eval:2",
      "eval:3",
      "fcall:1",
      "fcall:2",
    ].map((key) => `${key} ${host.ask("node", "GET", key).trim()}`),
    `set ${host.ask("node", "SCARD", "set").trim()}`,
    `functions ${host.ask("node", "FUNCTION", "LIST").includes("pair")}`,
  ].join(", ");

const everything =
  "flushed , after a, multi:1 a, multi:2 a, eval:1 a, eval:2 a, eval:3 a, fcall:1 a, fcall:2 a, set 3, functions true";

test.each([
  ["of this version", () => undefined],
  [
    "from before replays were known",
    () => host.release("old", "current", { "users.acl": oldUsers() }),
  ],
  [
    "that serves the legacy group's clients",
    () => host.release("adopting", "current", { "users.acl": adoptingUsers() }),
  ],
])(
  "a release %s: transactions, scripts, functions and SPOP survive kill -9 and a stop",
  async (_, release) => {
    alone();
    release();
    await host.composeAndStart("node");
    write();
    expect(held()).toBe(everything);
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      await host.stop("node", signal);
      await host.composeAndStart("node");
      expect(held()).toBe(everything);
    }
    expect(host.ask("node", "INFO", "stats")).toContain("unexpected_error_replies:0");
    expect(await gate()).toBe("");
    expect(host.logsIn("node", "default", "x")).toBe(false);
  },
);

test("the gate names a node that would drop them, and a master that has", async () => {
  alone();
  await host.composeAndStart("node");
  expect(await gate()).toBe("");
  host.ask("node", "ACL", "SETUSER", ...oldDefault.split(" ").slice(1));
  expect(await gate()).toMatch(/^console node: its user default may not do all writes; expected /);

  // As it was started before: the file that the daemon itself has written.
  write();
  host.write(
    "redis-cluster.conf",
    host.read("redis-cluster.conf").replace(/^user default .*$/m, oldDefault),
  );
  await host.stop("node");
  await host.start("node");
  expect(held()).not.toBe(everything);
  const problems = await gate();
  expect(problems).toContain("console node: its user default may not do all writes");
  expect(problems).toContain("console node: the master has refused commands");
  host.ask("node", "ACL", "SETUSER", "default", "~*", "&*", "+@all");
  host.ask("node", "CONFIG", "RESETSTAT");
  expect(await gate()).toBe("");
});
