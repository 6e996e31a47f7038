import { Group, handedOver, leave, says } from "./support/group";
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
  ["voted", 1, 3],
  ["paused", 6, 7],
  ["promoted", 6, 9],
  ["demoted", 40, 45],
  ["one-told", 3, 5],
  ["told", 1, 3],
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

test.each(["looked", "voted", "paused", "promoted", "demoted", "one-told", "told"])(
  "a failover of Sentinel's own that begins when it has %s, early or late: 0 lost, one master",
  async (at) => {
    await begin();
    const writer = await group.application();
    for (const late of [0, 300, 1500]) {
      const [from] = group.masters();
      await pause(500);
      group.stage(`wait ${at}`);
      const leaving = leave(from);
      await group.reached();
      const [other] = group.all.filter((host) => host !== from);
      const said = says(other, "FAILOVER", masterName);
      await pause(late);
      group.go();
      const { stderr } = await leaving;
      await pause(3000);
      const { gaps } = await writer.soFar();
      console.log(
        `${at}, ${late} ms: ${said.trim()}; ${stderr.trim()}; gaps over 1 s ${JSON.stringify(gaps.filter(({ length }) => length > 1))}`,
      );
      group.stage("");
      await group.whole(60);
    }
    const { lost, longestGap } = await writer.stop();
    console.log(`${at}: longest gap ${longestGap.toFixed(2)} s`);
    expect(lost).toBe(0);
  },
);
