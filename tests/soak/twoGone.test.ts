import { setTimeout as sleep } from "timers/promises";
import {
  address,
  ask,
  eventually,
  info,
  lab,
  monitored,
  nothingLost,
  on,
  openStack,
  Stack,
  untilWhole,
  writerOn,
} from "../helpers/lab";

// Five hosts with five sentinels, of which two die at once, the master and another, and leave in one run.

const stay = ["app-1", "app-2", "app-3"];
const dead = ["console", "app-4"];
let dev: Stack;

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);
const unset = (path: string) => dev.stack.removeConfig(`redis-cluster:${path}`, true);
const runs = () =>
  Promise.all(
    stay.map(async (host) => (await info(dev, { host, daemon: "node" }, "server")).run_id),
  );

beforeAll(async () => {
  lab("up", "5");
  dev = await openStack("dev");
  await set("quorum", "3");
  await dev.stack.up();
});

it("both leave unasked in one run, nobody else restarts and no write is lost; when they come back they keep out", async () => {
  expect(await monitored(dev, "app-1", "ip")).toBe(address("console"));
  expect(await monitored(dev, "app-1", "num-other-sentinels")).toBe("4");
  const before = await runs();
  const writer = await writerOn(dev);
  await sleep(2000);
  await writer.rest();
  await untilWhole();
  for (const host of dead) lab("kill", host);
  await eventually("another is master", 90, async () => {
    const named = await Promise.all(stay.map((host) => monitored(dev, host, "ip")));
    return named.every((at) => at === named[0]) && at(named[0]) !== undefined;
  });
  dev = await openStack("dev");
  for (const host of dead) await unset(`hosts.${host}`);
  for (const [index, host] of dead.entries()) await set(`gone[${index}]`, host);
  await set("bootstrapMaster", "app-1");
  await set("quorum", "2");
  const { stdout } = await dev.stack.up({ color: "never" });
  for (const host of dead) expect(stdout).toContain(`${host}: gone; nobody reaches it`);
  const isWhole = async () => {
    await untilWhole(120);
    for (const host of stay) {
      expect(await monitored(dev, host, "num-other-sentinels")).toBe("2");
      expect(await monitored(dev, host, "num-slaves")).toBe("2");
      expect(await monitored(dev, host, "quorum")).toBe("2");
    }
  };
  await isWhole();

  for (const host of dead) lab("start", host);
  for (const host of dead)
    for (const unit of ["redis-cluster", "redis-sentinel"])
      await eventually(`${unit} of ${host} keeps out`, 90, () =>
        on(host, `journalctl -b -u ${unit} -o cat`).includes("has given this host up"),
      );
  await isWhole();
  await nothingLost(writer);
  expect(await runs()).toEqual(before);

  for (const host of dead) lab("kill", host);
  await unset("gone");
  await dev.stack.up();
  await isWhole();
  await dev.stack.preview({ expectNoChanges: true });
  expect(await ask(dev, { host: "app-1", daemon: "node" }, "ACL", "USERS")).not.toContain(
    `gone.${dead[0]}`,
  );
  expect(await runs()).toEqual(before);
});

/** Which of those that stay it is. */
const at = (place: string) => stay.find((host) => address(host) === place);
