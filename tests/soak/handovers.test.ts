import { setTimeout } from "timers/promises";
import {
  ask,
  expectNothingLost,
  hosts,
  lab,
  masterName,
  meanwhileOn,
  monitored,
  namedMaster,
  nothingLost,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
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

it("a save that goes on keeps no client of the old master waiting, in a handover and at a stop", async () => {
  const writer = await writerOn(dev);
  // A Redis that stops ends its save itself.
  for (const [way, said] of [
    [handOver, "ended a save of this node's"],
    ["systemctl stop redis-cluster", ""],
  ]) {
    const master = (await namedMaster(dev)) ?? "";
    const node = { host: master, daemon: "node" } as const;
    await writeKeys(dev, master, 0, 600);
    // In microseconds for each key: this save would take a minute, the last one before the stop does not.
    await ask(dev, node, "CONFIG", "SET", "rdb-key-save-delay", "100000");
    expect(await ask(dev, node, "BGSAVE")).toBe("Background saving started");
    await ask(dev, node, "CONFIG", "SET", "rdb-key-save-delay", "0");
    const before = (await writer.soFar()).seconds;
    const told = await meanwhileOn(master, `bash -c '${way}'`);
    await setTimeout(5000);
    const { gaps } = await writer.soFar();
    expect(gaps.filter(({ at, length }) => at > before && length > 1)).toEqual([]);
    expect(told).toContain(said);
    await meanwhileOn(master, "systemctl restart redis-cluster");
    await untilWhole();
  }
  await nothingLost(writer);
});
