import { createHash } from "node:crypto";
import { Host, Hosts, masterName, passwords } from "./support/hosts";

jest.setTimeout(30000);

let hosts: Hosts;
let host: Host;

const sha = (password: string) => createHash("sha256").update(password).digest("hex");
const hash = (name: string, ...all: string[]) => `hash ${name} ${all.map(sha).join(" ")}\n`;

/** The files of a release whose users have these passwords, the current one first. */
function files(
  users: Record<string, string[]>,
  rights: Record<string, string> = {},
): Record<string, string> {
  const own = { replication: [passwords.replication], sentinel: [passwords.sentinel] };
  const all: Record<string, string[]> = { ...own, operator: [passwords.operator], ...users };
  const line = (name: string) => `user ${name} on #${name} ${rights[name] ?? "~* &* +@all"}\n`;
  return {
    "users.acl": `user default off\n${Object.keys(all).map(line).join("")}`,
    "sentinel-users.acl": `user default off\n${Object.keys(all)
      .map((name) => `user ${name} on #${name} ~* &* +@all\n`)
      .join("")}`,
    secrets: [
      `replication ${all.replication[0]}\nsentinel ${all.sentinel[0]}\noperator ${all.operator[0]}\n`,
      ...all.operator.slice(1).map((password) => `previous-operator ${password}\n`),
      ...Object.entries(all).map(([name, list]) => hash(name, ...list)),
    ].join(""),
  };
}

/** Both daemons run on this release. */
async function runningOn(release: Record<string, string>): Promise<void> {
  host.release("one", "current", release);
  host.write("bootstrap", "console\n");
  host.fill();
  await host.composeAndStart("node");
  await host.composeAndStart("sentinel");
  host.write("initialised", "");
}

/** Runs Python with what a step has at hand; both units count as running. */
function step(code: string, override = "") {
  host.program("systemctl", "[[ $1 != is-active ]] || echo active");
  return host.python(`from redis_cluster.gate import Step
from redis_cluster.live import node_takes, sentinel_takes
from redis_cluster.passwords import accept_passwords
from redis_cluster.refusals import refuse_change
consent = Step("p", "${override}")
${code}`);
}

const accept = "list(accept_passwords(False, consent))";

function stage(release: Record<string, string>): void {
  for (const [file, text] of Object.entries({ ...host.releaseFiles(), ...release })) {
    host.write(`staged/${file}`, text);
  }
}

beforeEach(() => {
  hosts = new Hosts(["console"]);
  host = hosts.all[0];
});

afterEach(() => hosts.destroy());

test("a new password is accepted beside the old one, by both daemons, also after a restart", async () => {
  await runningOn(files({ reports: ["old"] }));
  stage(files({ reports: ["new", "old"] }));
  expect(await step(`refuse_change(); ${accept}`)).toMatchObject({ status: 0 });
  const both = () => {
    for (const daemon of ["node", "sentinel"] as const) {
      expect([daemon, host.logsIn(daemon, "reports", "old")]).toEqual([daemon, true]);
      expect([daemon, host.logsIn(daemon, "reports", "new")]).toEqual([daemon, true]);
      expect([daemon, host.logsIn(daemon, "reports", "other")]).toEqual([daemon, false]);
    }
  };
  both();
  for (const daemon of ["node", "sentinel"] as const) {
    await host.stop(daemon);
    await host.composeAndStart(daemon);
  }
  both();
});

test("the operator's own password changes, by the one that the daemons still have", async () => {
  const next = "next-operator-0123456789-0123456789";
  await runningOn(files({}));
  stage(files({ operator: [next, passwords.operator] }));
  expect(await step(accept)).toMatchObject({ status: 0 });
  for (const daemon of ["node", "sentinel"] as const) {
    expect(host.logsIn(daemon, "operator", next)).toBe(true);
    expect(host.logsIn(daemon, "operator", passwords.operator)).toBe(true);
  }
});

test("users are made what the release says, without a connection being dropped", async () => {
  await runningOn(files({ reports: ["new", "old"], gone: ["x"] }));
  const two = files({ reports: ["new"], fresh: ["y"] }, { reports: "~reports:* -@all +get" });
  stage(two);
  host.release("two", "unused", two);
  const directory = host.path("releases/two");
  const takes = `list(node_takes("${directory}", consent)); list(sentinel_takes("${directory}"))`;
  const client = host.connect("node", "reports", "old");
  expect(await client.ask("SET key 1")).toBe("OK");
  expect(await step(takes)).toMatchObject({
    status: 0,
    stderr: "",
  });
  for (const daemon of ["node", "sentinel"] as const) {
    expect(host.logsIn(daemon, "reports", "old")).toBe(false);
    expect(host.logsIn(daemon, "reports", "new")).toBe(true);
    expect(host.logsIn(daemon, "fresh", "y")).toBe(true);
    expect(host.logsIn(daemon, "gone", "x")).toBe(false);
  }
  expect(await client.ask("SET key 1")).toMatch(/NOPERM/);
  expect(await client.ask("GET reports:1")).toBe("");
  expect(host.ask("sentinel", "sentinel", "master", masterName)).toContain(host.address);
  client.end();
});

test("a password is not taken away while a client is connected that came before the new one", async () => {
  await runningOn(files({ reports: ["old"] }));
  const client = host.connect("node", "reports", "old");
  expect(await client.ask("PING")).toBe("PONG");
  await new Promise((resolve) => setTimeout(resolve, 2100));
  stage(files({ reports: ["new", "old"] }));
  expect(await step(`${accept}; ${accept}`)).toMatchObject({ status: 0 });
  host.release("one", "current", files({ reports: ["new", "old"] }));
  stage(files({ reports: ["new"] }));
  const refused = await step(accept);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain("clients at 127.0.0.1 are connected as reports");
  const [, override] = /config set override ([0-9a-f]{16})/.exec(refused.stderr) ?? [];
  expect(await step(accept, override)).toMatchObject({ status: 0 });
  client.end();
  const later = host.connect("node", "reports", "new");
  expect(await later.ask("PING")).toBe("PONG");
  expect(await step(accept)).toMatchObject({ status: 0, stderr: "" });
  later.end();
});

test("a user is not taken away while somebody is connected by it", async () => {
  await runningOn(files({ reports: ["x"] }));
  const client = host.connect("sentinel", "reports", "x");
  expect(await client.ask("PING")).toBe("PONG");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  stage(files({}));
  expect((await step(accept)).stderr).toContain("are connected as reports");
  client.end();
});
