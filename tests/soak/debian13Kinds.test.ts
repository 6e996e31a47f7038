import {
  address,
  failedUp,
  hosts,
  identities,
  lab,
  leftBeside,
  losingNothing,
  meanwhile,
  meanwhileOn,
  on,
  openBeside,
  openStack,
  Stack,
  untilWhole,
  ask,
} from "../helpers/lab";

// On Debian 13: the move from the legacy Redis 8.0, and a group beside.

let dev: Stack;

const set = (path: string, value: string, secret = false) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value, secret }, true);

beforeAll(async () => {
  lab("up");
  for (const host of hosts) await meanwhile("wipe", host, "13");
  dev = await openStack("dev");
  // The legacy one.
  on("console", "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y redis-server");
  on("console", "systemctl start redis-server");
});

const old = (...words: string[]) => on("console", `redis-cli -p 6379 ${words.join(" ")} 2>&1`);

it("moves from the legacy one, which has no password: protected mode is told, and then all is copied", async () => {
  old("EVAL", `"for i = 1, 2000 do redis.call('SET', 'key:' .. i, i) end"`, "0");
  old("-n", "3", "HSET", "hash", "a", "1");
  old("CONFIG", "SET", "bind", `"${address("console")} 127.0.0.1"`);
  await set("migrateFrom.address", address("console"));
  expect(await failedUp(dev)).toMatch(
    /the legacy Redis at \S+ does not answer: DENIED Redis is running in protected mode/,
  );
  old("CONFIG", "SET", "protected-mode", "no");
  const { outputs } = await dev.stack.up();
  expect(outputs.migration.value).toMatch(
    /0 bytes behind; keys: db0 2000 of 2000, db3 1 of 1; (\d+) of \1 keys by chance are the same/,
  );
  await set("migrate", "cutover");
  await dev.stack.up();
  await untilWhole();
  expect(await ask(dev, { host: "app-2", daemon: "node" }, "DBSIZE")).toBe(2000);
  await set("migrate", "final");
  await dev.stack.up();
  on("console", "systemctl disable --now redis-server");
  for (const key of ["migrate", "migrateFrom"])
    await dev.stack.removeConfig(`redis-cluster:${key}`, true);
  expect((await dev.stack.up()).outputs.migration).toBeUndefined();
});

it("a group with a name comes and goes beside it", async () => {
  const cache = await openBeside("stage");
  const before = await identities(dev);
  await losingNothing(dev, async () => {
    await cache.stack.up();
    await losingNothing(cache, () =>
      meanwhileOn("console", "systemctl restart redis-cluster-cache"),
    );
    await cache.stack.destroy();
  });
  expect(leftBeside()).toEqual([]);
  expect(await identities(dev)).toEqual(before);
});
