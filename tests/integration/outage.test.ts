import {
  ask,
  eventually,
  Host,
  hosts,
  info,
  lab,
  namedMaster,
  on,
  openStack,
  Stack,
  untilWhole,
} from "../helpers/lab";

// Hosts that are lost and come back. A killed container is not a power cut: what was written and not yet
// synced survives it.

let dev: Stack;
const node = (host: string) => ({ host, daemon: "node" }) as const;
const keys = async (host: string) => (await ask(dev, node(host), "DBSIZE")) as number;

async function write(master: string, from: number, count: number): Promise<void> {
  const pairs = Array.from({ length: count }, (_, i) => [`key:${from + i}`, "x"]).flat();
  await ask(dev, node(master), "MSET", ...pairs);
}

async function everyNodeHas(count: number): Promise<void> {
  for (const host of hosts) {
    await eventually(`${host} has ${count} keys`, 30, async () => (await keys(host)) === count);
  }
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
  await write("console", 0, 1000);
});

afterAll(async () => {
  await dev.stack.setConfig("redis-cluster:deleteData", { value: "true" });
  await dev.stack.up();
  await dev.stack.destroy();
});

it("all hosts lose power at once: the same master, every key", async () => {
  for (const host of hosts) lab("kill", host);
  for (const host of ["app-2", "console", "app-1"]) lab("start", host);
  await untilWhole();
  expect(await namedMaster(dev)).toBe("console");
  await everyNodeHas(1000);
});

it("of two that come back, the one with the newer data is promoted, not the one that was down before", async () => {
  on("app-2", "systemctl stop redis-cluster");
  await write("console", 1000, 1000);
  expect(await ask(dev, node("console"), "WAIT", "1", "2000")).toBe(1);
  // The age of the data is told in whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  for (const host of hosts) lab("kill", host);
  for (const host of ["app-2", "app-1"]) lab("start", host);
  await eventually("app-1 is master", 60, async () => {
    const { role } = await info(dev, node("app-1"), "replication");
    return role === "master";
  });
  expect(await keys("app-1")).toBe(2000);
  lab("start", "console");
  await untilWhole(90);
  await everyNodeHas(2000);
  for (const host of hosts) {
    const [, priority] = (await ask(
      dev,
      node(host),
      "CONFIG",
      "GET",
      "replica-priority",
    )) as string[];
    expect(priority).toBe("100");
  }
});

it.each<{ what: string; lost: (master: Host) => Host }>([
  { what: "the bootstrap host, a replica by now", lost: () => "console" },
  { what: "the master", lost: (master) => master },
])("$what is replaced by an empty machine: every key on every node", async ({ lost }) => {
  const host = lost((await namedMaster(dev)) as Host);
  lab("wipe", host);
  dev = await openStack("dev");
  await eventually("the others have a master", 60, async () => {
    const named = await ask(
      dev,
      { host: "app-2", daemon: "sentinel" },
      "SENTINEL",
      "MASTER",
      "redis-dev-cluster",
    );
    const fields = named as string[];
    return fields[fields.indexOf("flags") + 1] === "master";
  });
  await dev.stack.up();
  await untilWhole();
  await everyNodeHas(2000);
});

it("where all but one host are gone for good, the operator makes the last one lead", async () => {
  const master = (await namedMaster(dev)) as Host;
  const [last, ...gone] = [...hosts.filter((host) => host !== master), master];
  for (const host of gone) lab("kill", host);
  const program = "/usr/local/lib/redis-cluster/redis-cluster";
  const proofs = on(last, `${program} lead`);
  for (const host of gone) expect(proofs).toContain(`node ${host}: silent`);
  const [, hash] = /lead ([0-9a-f]{16})$/.exec(proofs) ?? [];
  expect(on(last, `${program} lead 0000000000000000`)).toContain(hash);
  expect(await info(dev, node(last), "replication")).toMatchObject({ role: "slave" });
  on(last, `${program} lead ${hash}`);
  expect(await info(dev, node(last), "replication")).toMatchObject({ role: "master" });
  for (const host of gone) lab("wipe", host);
  dev = await openStack("dev");
  await dev.stack.up();
  await untilWhole();
  expect(await namedMaster(dev)).toBe(last);
  await everyNodeHas(2000);
});
