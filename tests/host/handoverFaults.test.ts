import { Group, handedOver, handOver, leave, replication, says } from "./support/group";
import { masterName, pause } from "./support/hosts";

// What goes wrong in the middle of a handover: it is killed, or Sentinel fails over by itself.

jest.setTimeout(240000);

let group: Group;
const begin = async (): Promise<Group> => {
  group = new Group();
  await group.begin();
  return group;
};

afterEach(() => group.destroy());

/** Of one that died there, for how long nobody writes at most, and after how long that is over; in seconds. */
test.each([
  ["voted", 3, 3],
  ["paused", 9, 10],
  ["promoted", 9, 10],
  ["demoted", 45, 45],
  ["one-told", 5, 5],
  ["told", 3, 3],
])(
  "one that is killed when it has %s loses nothing, and the group mends itself",
  async (at, longest, over) => {
    await begin();
    const writer = await group.application();
    await pause(500);
    group.stage(`kill ${at}`);
    const killed = await leave(group.all[0]);
    expect(killed.stderr).not.toContain("handed over");
    await pause(over * 1000);
    const { longestGap } = await writer.soFar();
    console.log(`killed when it has ${at}: longest gap ${longestGap.toFixed(2)} s`);
    expect(longestGap).toBeLessThan(longest);
    await group.whole(60);
    group.stage("");
    const [from] = group.masters();
    expect(await leave(from)).toMatchObject(handedOver(from));
    expect((await writer.stop()).lost).toBe(0);
  },
);

test("one that is ended by SIGTERM under the pause lifts it, itself or by the step that waits for it", async () => {
  await begin();
  const [first] = group.all;
  const writer = await group.application();
  for (const ends of ["the program", "the step"]) {
    group.stage("wait paused");
    const step = handOver(
      first,
      `import os\nopen("${first.path("/tmp/step")}", "w").write(str(os.getppid()))`,
    );
    const program = await group.reached();
    if (ends === "the program") {
      process.kill(program, "SIGTERM");
    } else {
      // As `timeout` does it.
      const root = Number(first.read("/tmp/step"));
      process.kill(root, "SIGTERM");
      await pause(50);
      try {
        process.kill(root, "SIGTERM");
      } catch {
        // It has ended.
      }
    }
    const { status, stderr } = await step;
    expect(status).not.toBe(0);
    expect(stderr).not.toContain("handed over");
    await pause(500);
    const { gaps } = await writer.soFar();
    const longest = Math.max(...gaps.map(({ length }) => length));
    expect(longest).toBeLessThan(4.5);
    expect(replication(first)).toContain("role:master");
  }
  expect((await writer.stop()).lost).toBe(0);
});

test("a SIGTERM that comes after it ends what goes on then", async () => {
  await begin();
  const [first] = group.all;
  const { status, seconds, stderr } = await handOver(
    first,
    "import os, signal, time",
    "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(20)",
  );
  expect(stderr).toContain("handed over to");
  expect(status).not.toBe(0);
  expect(seconds).toBeLessThan(15);
});

/** One that somebody asks for by hand; late is how long it has before the handover goes on, in ms. */
async function failoverAt(stage: string, late: number): Promise<string> {
  const [from] = group.masters();
  await pause(500);
  group.stage(`wait ${stage}`);
  const leaving = leave(from);
  await group.reached();
  const [other] = group.all.filter((host) => host !== from);
  // A sentinel that has just been told asks the replicas first.
  expect(says(other, "FAILOVER", masterName)).toMatch(
    stage.endsWith("told") ? /^(OK|NOGOODSLAVE.*)\n/ : /^OK\n/,
  );
  await pause(late);
  group.go();
  const { stderr } = await leaving;
  group.stage("");
  await pause(1000);
  await group.whole(60);
  return stderr;
}

test.each([
  ["looked", [0]],
  ["voted", [0]],
  ["paused", [0, 300, 1500]],
  ["promoted", [0, 300, 1500]],
  ["demoted", [0, 300, 1500]],
])(
  "a failover of Sentinel's own that begins when it has %s: one master, 0 lost",
  async (stage, times) => {
    await begin();
    const writer = await group.application();
    for (const late of times) {
      expect(await failoverAt(stage, late)).toMatch(/: handed over to [\d.]+:6389\n$/);
    }
    expect((await writer.stop()).lost).toBe(0);
  },
);

// It holds nobody's writes up: what a master acknowledges between the promotion of another and its own demotion is
// lost, with a handover as without one.
test.each(["looked", "voted", "one-told", "told"])(
  "a failover of Sentinel's own on a master that takes writes, when it has %s: one master",
  async (stage) => {
    await begin();
    for (const late of [300, 1500]) {
      expect(await failoverAt(stage, late)).not.toContain("Traceback");
    }
  },
);
