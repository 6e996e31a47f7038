import { Host, Hosts } from "./support/hosts";

// A host that runs a node alone gets a sentinel, and one that has both gives it up.

jest.setTimeout(120_000);

let hosts: Hosts;
let host: Host;

beforeEach(() => {
  hosts = new Hosts();
  [, , host] = hosts.all;
  hosts.all[0].write("bootstrap", "console\n");
  for (const each of hosts.all) each.useSystemctl();
});

afterEach(() => hosts.destroy());

/** As if the release in force, and with it the node, were from before the sentinel: with its files, as ever staged. */
function withoutSentinel(): void {
  const members = host.read("current/members");
  host.write("current/members", members.replace(/^sentinel app-2 .*\n/m, ""));
}

test("it starts from what is staged, by the group's word, before the group is whole with it", async () => {
  withoutSentinel();
  for (const [file, text] of Object.entries(host.releaseFiles()))
    host.write(`staged/${file}`, text);
  for (const each of hosts.all) await each.startUnit("node");
  for (const each of hosts.all.slice(0, 2)) await each.startUnit("sentinel");
  const { status, stderr } = await host.tell("sentinel-start", ["# plan 0123456789abcdef"]);
  expect([status, stderr]).toEqual([0, ""]);
  expect(host.ask("sentinel", "PING")).toBe("PONG\n");
  expect(host.read("current/members")).toMatch(/^sentinel app-2 /m);
});

test("a start by a release that has none says so, and what to do", async () => {
  withoutSentinel();
  const { status, stderr } = await host.compose("sentinel");
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /\[app-2\]: error: .*\/members: this host has no sentinel; expected a line 'sentinel app-2 ADDRESS PORT'\. Run pulumi up again\n$/,
  );
});

test("a sentinel that is to go stops for good, by the group's gate, and what comes after is a release without it", async () => {
  for (const each of hosts.all) await each.startUnit("node");
  for (const each of hosts.all) await each.startUnit("sentinel");
  const files = host.releaseFiles();
  const members = files.members.replace(/^sentinel app-2 .*\n/m, "");
  for (const [file, text] of Object.entries({ ...files, members }))
    host.write(`staged/${file}`, text);
  const plan = "# plan 0123456789abcdef\n";
  const left = await host.feed(plan, "decommission", "sentinel");
  expect(left).toMatchObject({ status: 0, stderr: "" });
  expect(left.stdout).toMatch(/^stopped its sentinel for good \[/);
  expect((await host.feed(plan, "decommission", "sentinel")).stdout).toMatch(/^nothing owed \[/);
  expect(await host.feed(plan, "node-start")).toMatchObject({ status: 0, stderr: "" });
});
