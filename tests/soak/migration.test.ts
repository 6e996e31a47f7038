import {
  address,
  ask,
  changes,
  Host,
  hosts,
  lab,
  masterName,
  namedMaster,
  nothingLost,
  on,
  openStack,
  sentinelPort,
  Stack,
  stateFiles,
  untilWhole,
} from "../helpers/lab";
import { startWriter } from "../writer";

// The move from the legacy Redis, on the lab; tests/host/migrate has what may go wrong in it.

const password = "foobared";
let dev: Stack;

const set = (key: string, value: string, secret = false) =>
  dev.stack.setConfig(`redis-cluster:${key}`, { value, secret });
const remove = (key: string) => dev.stack.removeConfig(`redis-cluster:${key}`);

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
});

it("moves from the Redis on 6379 of console under its clients' writes, which nothing else is done to", async () => {
  await set("adoptPassword", password, true);
  const old = (...words: string[]) =>
    on("console", `REDISCLI_AUTH=${password} redis-cli -p 6379 ${words.join(" ")} 2>&1`);
  on("console", `redis-cli -p 6379 CONFIG SET requirepass ${password}`);
  old("CONFIG", "SET", "bind", `"${address("console")} 127.0.0.1"`);
  const keys = "for i = 1, 2000 do redis.call('SET', 'key:' .. i, i, 'EX', 3600) end";
  old("EVAL", `"${keys}"`, "0");
  const size = old("DBSIZE");
  const untouched = () =>
    old("CONFIG", "GET", "'*'").split("\n").sort().join("\n") +
    on("console", "systemctl show -p MainPID redis-server");
  const before = untouched();
  const natMap = Object.fromEntries(
    hosts.map((host) => [`${address(host)}:6389`, { host: address("console"), port: 6379 }]),
  );
  try {
    await dev.stack.setConfig(
      "redis-cluster:migrateFrom.address",
      { value: address("console") },
      true,
    );
    await set("migratePassword", password, true);
    const followed = await dev.stack.up();
    expect(followed.outputs.migration.value).toMatch(
      /6389 follows 10\.\S+:6379, \d+ bytes behind; keys: db0 (\d{4}) of \1; \d+ of \d+ keys by chance are the same; still connected there: nobody/,
    );
    expect(followed.stdout + stateFiles().join("\n")).not.toContain(password);
    const writer = await startWriter({
      sentinels: hosts.map((host) => ({ host: address(host), port: sentinelPort })),
      ...{ masterName, username: "default", password, sentinelLogin: false, natMap },
    });
    // It is no drift, and nothing is owed.
    const { summary } = await dev.stack.up({ refresh: true });
    expect(changes(summary.resourceChanges)).toEqual({});
    expect(on("console", "/usr/local/lib/redis-cluster/redis-cluster migration")).toMatch(
      /still connected there: 10\.\S+ \(no name\), 3 connections$/,
    );

    for (const place of Object.keys(natMap)) delete natMap[place];
    await set("migrate", "cutover");
    expect((await dev.stack.up()).outputs.migration.value).toMatch(
      /^cut over from 10\.\S+:6379 to 10\.\S+:6389, not final yet; keys: db0 /,
    );
    await untilWhole();
    old("CLIENT", "KILL", "TYPE", "normal");
    await new Promise((resolve) => setTimeout(resolve, 4000));
    await nothingLost(writer);
    expect(untouched()).toBe(before);
  } finally {
    on("console", "systemctl restart redis-server");
    old("EVAL", `"${keys.replace("'SET'", "'DEL'").replace(", i, 'EX', 3600", "")}"`, "0");
  }
  for (const key of ["migrate", "migrateFrom", "migratePassword"]) await remove(key);
  await dev.stack.up();
  expect(
    String(await ask(dev, { host: (await namedMaster(dev)) as Host, daemon: "node" }, "DBSIZE")),
  ).toBe(size);
});
