import {
  ask,
  Host,
  lab,
  losingNothing,
  meanwhileOn,
  namedMaster,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
} from "../helpers/lab";
import { setTimeout as sleep } from "timers/promises";

// A group without an AOF: what a node loads is as old as its last snapshot, its replicas have all.

let dev: Stack;
const master = async () => (await namedMaster(dev)) as Host;

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.setConfig("redis-cluster:redis.appendonly", { value: "no" }, true);
  await dev.stack.up();
  await writeKeys(dev, await master(), 0, 1000);
  await ask(dev, { host: await master(), daemon: "node" }, "SAVE");
});

it.each([1, 2, 3])(
  "the master's process is killed, time %i: a replica has everything",
  async () => {
    const old = await master();
    await losingNothing(dev, async () => {
      await sleep(3000);
      await meanwhileOn(old, "systemctl kill --kill-who=main -s KILL redis-cluster");
      await sleep(10_000);
      await untilWhole();
    });
    expect(await master()).not.toBe(old);
  },
);

it("a planned stop and a restart-class change lose nothing", async () => {
  const old = await master();
  await losingNothing(dev, async () => {
    await meanwhileOn(old, "systemctl restart redis-cluster");
    await untilWhole();
    await dev.stack.setConfig("redis-cluster:redis.tcp-backlog", { value: "1024" }, true);
    await dev.stack.up();
  });
  await untilWhole();
  const now = { host: await master(), daemon: "node" } as const;
  expect(await ask(dev, now, "EXISTS", "key:0", "key:999")).toBe(2);
});
