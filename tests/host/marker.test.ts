import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { eventually, Host, Hosts, masterName } from "./support/hosts";

// A data directory that is not the one that the node last ran with: its volume is not mounted, or it is an old copy.

jest.setTimeout(180000);

let hosts: Hosts;
let consoleHost: Host, app1: Host;
const directory = "/var/lib/redis-cluster";

beforeEach(() => {
  hosts = new Hosts();
  [consoleHost, app1] = hosts.all;
  for (const host of hosts.all) {
    host.write("/usr/bin/systemctl", `#!/bin/sh\necho "$@" >>${host.path("/told")}\n`);
    chmodSync(host.path("/usr/bin/systemctl"), 0o755);
  }
});

afterEach(() => hosts.destroy());

const start = async (host: Host) => {
  await host.composeAndStart("node");
  await host.stop("node");
};

/** A node of a group that is whole, which has run twice on its data; beside them, what it had after the first time. */
async function ranTwice(): Promise<void> {
  app1.fill();
  app1.lastNodeFile(consoleHost);
  app1.write("initialised", "");
  await start(app1);
  cpSync(app1.path(directory), app1.path("/old-copy"), { recursive: true });
  await start(app1);
}

/** Another directory comes in the place of the data. */
function unmount(other?: string): void {
  renameSync(app1.path(directory), app1.path("/volume"));
  if (other) cpSync(app1.path(other), app1.path(directory), { recursive: true });
  else mkdirSync(app1.path(directory));
}

function mount(): void {
  rmSync(app1.path(directory), { recursive: true });
  renameSync(app1.path("/volume"), app1.path(directory));
}

const refusal = /is not the directory that this node last ran with: .*trust-data/;

test.each([
  ["an empty directory", undefined],
  ["an old copy", "/old-copy"],
])(
  "%s in the place of the data: not started, nothing written, and started once it is mounted",
  async (_, other) => {
    await ranTwice();
    unmount(other);
    const before = readdirSync(app1.path(directory), { recursive: true });
    const conf = app1.read("redis-cluster.conf");
    for (let tries = 0; tries < 2; tries++) {
      const { status, stderr } = await app1.compose("node");
      expect([status, stderr]).toEqual([1, expect.stringMatching(refusal)]);
    }
    expect(readdirSync(app1.path(directory), { recursive: true })).toEqual(before);
    expect(app1.read("redis-cluster.conf")).toBe(conf);
    mount();
    await start(app1);
    await start(app1);
  },
);

test("a master that the sentinels name does not lead with an old copy", async () => {
  await ranTwice();
  for (const host of [consoleHost, app1]) {
    host.lastSentinelFile(app1);
    await host.start("sentinel");
  }
  unmount("/old-copy");
  expect((await app1.compose("node")).stderr).toMatch(refusal);
});

const markUnmarked = 'from redis_cluster.marks import mark_unmarked; mark_unmarked("app-1")';

test("a node that a version without marks has started is marked, and from then on held to it", async () => {
  app1.fill();
  app1.lastNodeFile(consoleHost);
  app1.write("initialised", "");
  expect(await app1.python(markUnmarked)).toMatchObject({ status: 0 });
  const mark = app1.read("node-mark");
  expect(await app1.python(markUnmarked)).toMatchObject({ status: 0 });
  expect(app1.read("node-mark")).toBe(mark);
  unmount();
  expect((await app1.compose("node")).stderr).toMatch(refusal);
  mount();
  await start(app1);
});

test("nothing is compared before the group was whole, nor on a host that has nothing to compare with", async () => {
  app1.fill();
  app1.lastNodeFile(consoleHost);
  await start(app1);
  unmount();
  await start(app1);
  app1.write("initialised", "");
  rmSync(app1.path("node-mark"));
  rmSync(app1.path(`${directory}/node-marks`));
  await start(app1);
  rmSync(app1.path(`${directory}/node-marks`));
  expect((await app1.compose("node")).stderr).toMatch(refusal);
});

test.each([`${directory}/node-marks`, "node-mark"])(
  "where there is no room for %s the mark from before goes on",
  async (file) => {
    await ranTwice();
    mkdirSync(app1.path(`${file}.part`));
    for (let tries = 0; tries < 3; tries++) {
      const { status, stderr } = await app1.compose("node");
      expect([status, stderr]).toEqual([
        0,
        expect.stringContaining("the mark from before goes on"),
      ]);
    }
    rmSync(app1.path(`${file}.part`), { recursive: true });
    await start(app1);
    unmount("/old-copy");
    expect((await app1.compose("node")).stderr).toMatch(refusal);
  },
);

test("the data that a destroy has kept are no other directory to the next deployment", async () => {
  await ranTwice();
  rmSync(app1.path("."), { recursive: true });
  app1.release("one");
  app1.write("bootstrap", "app-1\n");
  await start(app1);
  expect(app1.role()).toBe("master");
});

describe("trust-data", () => {
  const hash = async () => {
    const { stdout } = await app1.run("trust-data");
    return /trust-data ([0-9a-f]{16})$/.exec(stdout.trim())?.[1] ?? stdout;
  };

  test("lets the node start with what is there, and holds for just that", async () => {
    await ranTwice();
    unmount();
    expect((await app1.run("trust-data", "0123456789abcdef")).status).toBe(0);
    expect((await app1.compose("node")).stderr).toMatch(refusal);
    const consent = await hash();
    expect(await app1.run("trust-data", consent)).toMatchObject({ status: 0 });
    expect(app1.read("/told")).toContain("restart --no-block redis-cluster.service");
    rmSync(app1.path(directory), { recursive: true });
    cpSync(app1.path("/old-copy"), app1.path(directory), { recursive: true });
    expect((await app1.compose("node")).stderr).toMatch(refusal);
    expect(await hash()).not.toBe(consent);
    expect(await app1.run("trust-data", await hash())).toMatchObject({ status: 0 });
    await start(app1);
    expect(existsSync(app1.path(`${directory}/node-marks`))).toBe(true);
    // Spent: the next directory needs another one.
    rmSync(app1.path("/volume"), { recursive: true });
    unmount();
    expect((await app1.compose("node")).stderr).toMatch(refusal);
  });

  test("the node is one that has lost its data: named as master, it has the sentinels fail over first", async () => {
    consoleHost.write("bootstrap", "console\n");
    for (const host of hosts.all) await host.composeAndStart("node");
    for (const host of hosts.all) await host.composeAndStart("sentinel");
    for (const host of hosts.all) host.write("initialised", "");
    cpSync(consoleHost.path(directory), consoleHost.path("/old-copy"), { recursive: true });
    consoleHost.ask("node", "mset", "a", "1", "b", "2");
    await eventually(20, () =>
      hosts.all.every(
        (host) =>
          host.ask("node", "dbsize").trim() === "2" &&
          host.ask("sentinel", "sentinel", "ckquorum", masterName).startsWith("OK 3"),
      ),
    );
    await consoleHost.stop("node");
    await consoleHost.composeAndStart("node");
    await consoleHost.stop("node");
    rmSync(consoleHost.path(directory), { recursive: true });
    renameSync(consoleHost.path("/old-copy"), consoleHost.path(directory));
    expect((await consoleHost.compose("node")).stderr).toMatch(refusal);
    const { stdout } = await consoleHost.run("trust-data");
    await consoleHost.run("trust-data", /trust-data ([0-9a-f]{16})$/.exec(stdout.trim())![1]);
    const { stderr } = await consoleHost.composeAndStart("node", 15);
    expect(stderr).toContain("failed over");
    await eventually(15, () =>
      hosts.all.every((host) => host.ask("node", "dbsize").trim() === "2"),
    );
  });

  test("asks for nothing where the directory is the node's own", async () => {
    await ranTwice();
    expect((await app1.run("trust-data")).stderr).toContain("nothing to consent to");
  });
});
