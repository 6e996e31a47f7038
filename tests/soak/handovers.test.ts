import {
  ask,
  expectNothingLost,
  hosts,
  lab,
  masterName,
  meanwhileOn,
  monitored,
  namedMaster,
  openStack,
  Stack,
  untilWhole,
  writerOn,
} from "../helpers/lab";
import { summary } from "../writer";

// Many handovers in a row under load, as ExecStop does them; the node goes on, so that there is nothing to wait for.

const handovers = 200;
const bytesPerSecond = 5e6;
const handOver = "runuser -u redis -- /usr/local/lib/redis-cluster/redis-cluster leave 2>&1";
let dev: Stack;

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
  await untilWhole();
});

it(`${handovers} handovers in a row under 5 MB/s: nothing is lost, and the sentinels go on as they were`, async () => {
  const ids = () =>
    Promise.all(hosts.map((host) => ask(dev, { host, daemon: "sentinel" }, "SENTINEL", "MYID")));
  const before = await ids();
  const writer = await writerOn(dev, { bytesPerSecond });
  const started = (await writer.soFar()).seconds;
  const refused: string[] = [];
  for (let turn = 0; turn < handovers; turn++) {
    const master = await namedMaster(dev);
    if (!master)
      throw new Error(`after ${turn} handovers the sentinels name no master of ${masterName}`);
    // What it says tells why, where it did not; the writes are read back all the same.
    const said = await meanwhileOn(master, `bash -c '${handOver}'`);
    if ((await namedMaster(dev)) === master) refused.push(`${turn}: ${said}`);
  }
  const result = await writer.stop();
  const gaps = result.gaps.filter(({ at }) => at > started).map(({ length }) => length);
  const longest = Math.max(0, ...gaps);
  console.log(
    [
      ...summary(result),
      `${gaps.length} gaps of more than 0.1 s in ${handovers} handovers, the longest ${longest.toFixed(3)} s`,
    ].join("\n"),
  );
  expectNothingLost(result);
  expect(refused).toEqual([]);
  await untilWhole();
  expect(await ids()).toEqual(before);
  for (const host of hosts) {
    expect(await monitored(dev, host, "num-slaves")).toBe(String(hosts.length - 1));
    expect(await monitored(dev, host, "num-other-sentinels")).toBe(String(hosts.length - 1));
  }
});
