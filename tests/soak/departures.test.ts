import { setTimeout as sleep } from "timers/promises";
import {
  address,
  ask,
  eventually,
  info,
  lab,
  losingNothing,
  meanwhileOn,
  monitored,
  on,
  openStack,
  Stack,
  untilWhole,
  writerOn,
  nothingLost,
} from "../helpers/lab";

// Hosts that leave for good, and what becomes of their machines. The fourth of the lab takes the first one's place.

const node = (host: string) => ({ host, daemon: "node" }) as const;
let dev: Stack;

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);
const unset = (path: string) => dev.stack.removeConfig(`redis-cluster:${path}`, true);
const up = async () => (await dev.stack.up({ color: "never" })).stdout;

/** The member that this host's sentinel names. */
const named = async (by: string) => {
  const at = await monitored(dev, by, "ip");
  return ["console", "app-1", "app-2", "app-3"].find((host) => address(host) === at);
};

const runs = (...hosts: string[]) =>
  Promise.all(hosts.map(async (host) => (await info(dev, node(host), "server")).run_id));

/** Until these are the group, each with all keys, and each sentinel knows the two others. */
async function areTheGroup(...hosts: string[]): Promise<void> {
  await untilWhole();
  const keys = await ask(dev, node(hosts[0]), "DBSIZE");
  for (const host of hosts) {
    expect(await monitored(dev, host, "num-other-sentinels")).toBe("2");
    expect(await monitored(dev, host, "num-slaves")).toBe("2");
    await eventually(`${host} has ${String(keys)} keys`, 30, async () => {
      return (await ask(dev, node(host), "DBSIZE")) === keys;
    });
  }
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await up();
});

it("the bootstrap host leaves while it is the master, another in its place: one run, nobody else restarts, no write is lost", async () => {
  lab("up", "4");
  dev = await openStack("dev");
  expect(await named("app-1")).toBe("console");
  const before = await runs("app-1", "app-2");
  await losingNothing(dev, async () => {
    await unset("hosts.console");
    await set("bootstrapMaster", "app-1");
    expect(await up()).toMatch(/console: handed over to 10\.77\.\d+\.1[23]:6389; stopped for good/);
  });
  expect(await runs("app-1", "app-2")).toEqual(before);
  await areTheGroup("app-1", "app-2", "app-3");
  expect(on("console", "ls /etc/redis-cluster 2>&1 || true")).toContain("cannot access");
  await dev.stack.preview({ expectNoChanges: true });
});

it("a master that is dead leaves unasked; its machine comes back, and keeps out; emptied, it is a member again", async () => {
  if ((await named("app-1")) === "app-1")
    await meanwhileOn("app-1", "systemctl restart redis-cluster");
  await untilWhole();
  const lost = (await named("app-1"))!;
  const stays = ["app-2", "app-3"].find((host) => host !== lost)!;
  const before = await runs("app-1", stays);
  const writer = await writerOn(dev);
  await sleep(1000);
  await writer.rest();
  await untilWhole();
  lab("kill", lost);
  await eventually("another is master", 60, async () => {
    const now = await named("app-1");
    return now === (await named(stays)) && now !== lost;
  });
  dev = await openStack("dev");
  await unset(`hosts.${lost}`);
  await set("gone[0]", lost);
  expect(await up()).toContain(`${lost}: gone; nobody reaches it`);
  await areTheGroup("app-1", stays, "console");

  lab("start", lost);
  for (const unit of ["redis-cluster", "redis-sentinel"]) {
    await eventually(`${unit} of ${lost} keeps out`, 60, () =>
      on(lost, `journalctl -b -u ${unit} -o cat`).includes("has given this host up"),
    );
  }
  await set("redis.hz", "20");
  await up();
  await areTheGroup("app-1", stays, "console");
  expect(await runs("app-1", stays)).toEqual(before);

  lab("wipe", lost);
  dev = await openStack("dev");
  await unset("hosts.console");
  await unset("gone");
  await up();
  await areTheGroup("app-1", stays, lost);
  await nothingLost(writer);
  expect(await ask(dev, node("app-1"), "ACL", "USERS")).not.toContain(`gone.${lost}`);
  expect(await runs("app-1", stays)).toEqual(before);
});

it("destroy takes every member away", async () => {
  await dev.stack.destroy();
  for (const host of ["app-1", "app-2", "app-3", "console"])
    expect([host, on(host, "ls /etc/redis-cluster 2>&1 || true")]).toEqual([
      host,
      expect.stringContaining("cannot access"),
    ]);
});
