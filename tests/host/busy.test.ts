import { readFileSync } from "node:fs";
import { load, Load } from "../helpers/load";
import { bulk, liar } from "./support/liar";
import { eventually, Host, Hosts, passwords } from "./support/hosts";
import { whole } from "./support/units";

// A group that is written to, saved and rewritten all the time is whole, and one that falls behind is not.

jest.setTimeout(180000);

let hosts: Hosts;
let consoleHost: Host, app1: Host;
let writer: Load | undefined;

beforeEach(async () => {
  hosts = new Hosts();
  [consoleHost, app1] = hosts.all;
  consoleHost.write("bootstrap", "console\n");
  for (const host of hosts.all) await host.composeAndStart("node", 30);
  for (const host of hosts.all) await host.composeAndStart("sentinel", 30);
  await whole(app1);
  hosts.limit("gate_patience", 0);
  hosts.limit("catch_up_patience", 3);
});

afterEach(async () => {
  await writer?.stop();
  writer = undefined;
  await hosts.destroy();
});

const offset = () =>
  Number(
    /master_repl_offset:(\d+)/.exec(consoleHost.ask("node", "INFO", "replication"))?.[1] ?? "none",
  );

/** One look, without a second try. */
const look = () => app1.run("gate");

const write = (bytesPerSecond: number) => {
  writer = load(
    {
      host: consoleHost.address,
      port: 6389,
      username: "operator",
      password: passwords.operator,
    },
    bytesPerSecond,
  );
};

test("20 of 20 looks hold under 10 MB/s, while the data are saved and rewritten all the time", async () => {
  for (const host of hosts.all) {
    for (const [name, value] of [
      ["save", "1 1"],
      ["auto-aof-rewrite-percentage", "1"],
      ["auto-aof-rewrite-min-size", "1mb"],
      ["rdb-key-save-delay", "50000"],
    ]) {
      host.ask("node", "CONFIG", "SET", name, value);
    }
  }
  write(10e6);
  const busy = () => consoleHost.ask("node", "INFO", "persistence");
  await eventually(30, () => /(rdb_bgsave|aof_rewrite)_in_progress:1/.test(busy()));
  const looks: string[] = [];
  for (let n = 0; n < 20; n++) {
    const before = offset();
    const { stderr } = await look();
    // A look at a group to which nothing is written would prove nothing.
    looks.push(offset() - before > 1048576 ? stderr.trim() : "not written to");
  }
  expect(looks).toEqual(Array(20).fill("redis-cluster[app-1]: the group is whole"));
});

test.each([
  ["stands still", "slave_repl_offset:7"],
  ["tells no offset", "slave_repl_offset:none"],
  ["leaves its offset out", ""],
])("a replica that %s is named, by a text that no number is in", async (_, line) => {
  consoleHost.ask("node", "SET", "written", "before");
  await app1.stop("node");
  const said = [
    ...["role:slave", "loading:0", "master_link_status:up", "master_sync_in_progress:0"],
    ...[`master_host:${consoleHost.address}`, "master_port:6389", line, ""],
  ];
  const node = await liar(
    app1.address,
    (command) => (command.startsWith("INFO") ? bulk(said.join("\r\n")) : "+OK\r\n"),
    6389,
  );
  const { status, stderr } = await look();
  await node.stop();
  expect(status).toBe(1);
  expect(stderr).toContain(
    "\napp-1 node: has not what its master had written, and comes no nearer; expected its slave_repl_offset to pass that\n",
  );
});

test.each([
  ["rdb_last_bgsave_status", "BGSAVE"],
  ["aof_last_bgrewrite_status", "BGREWRITEAOF"],
])("%s that is not ok is in the gate until it is", async (status, command) => {
  consoleHost.ask("node", "SET", "key", "value");
  const field = (section: string, name: string) =>
    new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(app1.ask("node", "INFO", section))?.[1] ?? "";
  await eventually(10, () => app1.ask("node", "DBSIZE").trim() === "1");
  app1.ask("node", "CONFIG", "SET", "rdb-key-save-delay", "30000000");
  app1.ask("node", command);
  const pid = field("server", "process_id");
  const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  await eventually(10, () => children() !== "");
  process.kill(Number(children()), "SIGKILL");
  await eventually(10, () => field("persistence", status) === "err");
  const failed = await look();
  expect(failed.status).toBe(1);
  expect(failed.stderr).toContain(`\napp-1 node: ${status} is err; expected ok. The reason is in `);
  app1.ask("node", "CONFIG", "SET", "rdb-key-save-delay", "0");
  app1.ask("node", command);
  await eventually(10, () => field("persistence", status) === "ok");
  expect((await look()).stderr).toContain("the group is whole");
});
