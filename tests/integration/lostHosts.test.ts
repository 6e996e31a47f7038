import { setTimeout as sleep } from "timers/promises";
import {
  address,
  ask,
  eventually,
  everyNodeHas,
  Host,
  hosts,
  info,
  lab,
  monitored,
  namedMaster,
  nothingLost,
  on,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
  writerOn,
} from "../helpers/lab";

// Disks and whole machines that are lost.

let dev: Stack;
const program = "/usr/local/lib/redis-cluster/redis-cluster";
const node = (host: string) => ({ host, daemon: "node" }) as const;
const master = async () => (await namedMaster(dev)) as Host;

/** Has these hosts' sentinels wait so long, in ms, before they take the master for dead. */
async function setDownAfter(on: Host[], time: number): Promise<void> {
  for (const host of on) {
    const set = ["SET", "redis-dev-cluster", "down-after-milliseconds", String(time)];
    expect(await ask(dev, { host, daemon: "sentinel" }, "SENTINEL", ...set)).toBe("OK");
  }
}

/** Replaces hosts by empty machines; the stack gets their new host keys. */
async function replace(...lost: Host[]): Promise<void> {
  for (const host of lost) lab("wipe", host);
  dev = await openStack("dev");
}

/** Runs it after writes that every node holds; afterwards all of them must be there. */
async function losingNothing(what: () => Promise<void>): Promise<void> {
  const writer = await writerOn(dev);
  await sleep(1000);
  await writer.rest();
  await untilWhole();
  await what();
  await nothingLost(writer);
  await everyNodeHas(dev, 2000);
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
  await writeKeys(dev, "console", 0, 2000);
});

it("the bootstrap host, which is the master, is replaced by an empty machine while no other sentinel runs: every key on every node", async () => {
  expect(await master()).toBe("console");
  await losingNothing(async () => {
    for (const host of ["app-1", "app-2"]) on(host, "systemctl stop redis-sentinel");
    await replace("console");
    await dev.stack.up();
    await untilWhole();
  });
});

it("the bootstrap host, a replica by now, is replaced by an empty machine: every key on every node", async () => {
  expect(await master()).not.toBe("console");
  await losingNothing(async () => {
    await replace("console");
    await dev.stack.up();
    await untilWhole();
  });
});

it("the master is replaced by an empty machine before any sentinel noticed: every key on every node", async () => {
  const lost = await master();
  const others = hosts.filter((host) => host !== lost);
  await losingNothing(async () => {
    await setDownAfter(others, 600_000);
    await replace(lost);
    await dev.stack.up();
    await setDownAfter(others, 6001);
    expect(await master()).not.toBe(lost);
    await untilWhole();
  });
});

/** What a node says that does not find the data directory that it last ran with; it is not running. */
async function refuses(host: Host): Promise<void> {
  await eventually(`${host} says why it does not start`, 60, () =>
    on(host, "journalctl -b -u redis-cluster -o cat").includes(
      "is not the directory that this node last ran with",
    ),
  );
  expect(on(host, "systemctl is-active redis-cluster || true")).not.toBe("active");
}

/** The operator has seen what lies in the data directory, and lets the node go on with that. */
function trust(host: Host): void {
  const [, hash] = /trust-data ([0-9a-f]{16})$/.exec(on(host, `${program} trust-data`)) ?? [];
  on(host, `${program} trust-data ${hash}`);
}

it("the master's disk is lost: it does not start until the operator says so, and every key is on every node", async () => {
  const lost = await master();
  await losingNothing(async () => {
    on(lost, "find /var/lib/redis-cluster -mindepth 1 -delete");
    lab("kill", lost);
    lab("start", lost);
    await refuses(lost);
    await eventually("another is master", 60, async () => {
      const named = await namedMaster(dev);
      return named !== undefined && named !== lost;
    });
    trust(lost);
    await untilWhole();
  });
  expect(on(lost, "journalctl -b -u redis-cluster -o cat")).toContain("starts as replica of");
});

it("where all but one host are gone for good, the operator makes the last one lead", async () => {
  const old = await master();
  const [last, ...gone] = [...hosts.filter((host) => host !== old), old];
  await losingNothing(async () => {
    for (const host of gone) lab("kill", host);
    const proofs = on(last, `${program} lead`);
    for (const host of gone) expect(proofs).toContain(`node ${host}: silent`);
    const [, hash] = /lead ([0-9a-f]{16})$/.exec(proofs) ?? [];
    expect(on(last, `${program} lead 0000000000000000`)).toContain(hash);
    expect(await info(dev, node(last), "replication")).toMatchObject({ role: "slave" });
    on(last, `${program} lead ${hash}`);
    expect(await info(dev, node(last), "replication")).toMatchObject({ role: "master" });
    await replace(...gone);
    await dev.stack.up();
    await untilWhole();
    expect(await master()).toBe(last);
  });
});

it("all disks are lost: nobody becomes master by himself, the operator decides", async () => {
  const old = await master();
  const chosen = hosts.find((host) => host !== old)!;
  for (const host of hosts) on(host, "find /var/lib/redis-cluster -mindepth 1 -delete");
  for (const host of hosts) lab("kill", host);
  for (const host of hosts) lab("start", host);
  for (const host of hosts) await refuses(host);
  const proofs = on(chosen, `${program} lead`);
  expect(proofs).toContain("this host: no data");
  const [, hash] = /lead ([0-9a-f]{16})$/.exec(proofs) ?? [];
  on(chosen, `${program} lead ${hash}`);
  for (const host of hosts.filter((each) => each !== chosen)) trust(host);
  await untilWhole(120);
  expect(await master()).toBe(chosen);
  await everyNodeHas(dev, 0);
});

it("volumes that are mounted late, over old copies of the data: nobody starts before, and no key is lost", async () => {
  const mount = "mount --bind /srv/volume /var/lib/redis-cluster";
  for (const host of hosts) {
    on(
      host,
      `systemctl stop redis-cluster && cp -a /var/lib/redis-cluster /srv/volume && ${mount} && systemctl start redis-cluster`,
    );
    await untilWhole();
  }
  await writeKeys(dev, await master(), 0, 2000);
  await everyNodeHas(dev, 2000);
  // systemd knows of one of the three.
  const [known, ...late] = hosts;
  on(known, "echo '/srv/volume /var/lib/redis-cluster none bind 0 0' >>/etc/fstab");
  for (const host of hosts) lab("kill", host);
  for (const host of hosts) lab("start", host);
  for (const host of late) await refuses(host);
  expect(on(known, "journalctl -b -u redis-cluster -o cat")).not.toContain("is not the directory");
  for (const host of late) on(host, mount);
  await untilWhole();
  await everyNodeHas(dev, 2000);
});

it("all machines are replaced by empty ones: `up` makes the group anew", async () => {
  await replace(...hosts);
  await dev.stack.up();
  await untilWhole();
  expect(await master()).toBe("console");
});

it("a host that is dead for good leaves unasked: the bootstrap host, the master, another in its place in one run, nobody restarts; it keeps out when it comes back", async () => {
  lab("up", "4");
  dev = await openStack("dev");
  const { stack } = dev;
  const [stay, more] = [
    ["app-1", "app-2"],
    ["app-1", "app-2", "app-3"],
  ];
  const runs = () =>
    Promise.all(stay.map(async (host) => (await info(dev, node(host), "server")).run_id));
  const named = (host: string) => monitored(dev, host, "ip");
  const before = await runs();
  const writer = await writerOn(dev);
  await sleep(1000);
  await writer.rest();
  await untilWhole();
  lab("kill", "console");
  await eventually("another is master", 60, async () => {
    const now = await named("app-1");
    return now === (await named("app-2")) && now !== address("console");
  });
  await stack.removeConfig("redis-cluster:hosts.console", true);
  await stack.setConfig("redis-cluster:bootstrapMaster", { value: "app-1" });
  await stack.setConfig("redis-cluster:gone[0]", { value: "console" }, true);
  expect((await stack.up({ color: "never" })).stdout).toContain("console: gone; nobody reaches it");
  await untilWhole();
  await nothingLost(writer);
  expect(await runs()).toEqual(before);
  const keys = await ask(dev, node("app-1"), "DBSIZE");
  for (const host of more) {
    expect(await monitored(dev, host, "num-other-sentinels")).toBe("2");
    await eventually(`${host} has all keys`, 30, async () => {
      return (await ask(dev, node(host), "DBSIZE")) === keys;
    });
  }
  // With all that it had; its name is still there.
  lab("start", "console");
  for (const unit of ["redis-cluster", "redis-sentinel"]) {
    await eventually(`${unit} of the one that is back keeps out`, 60, () =>
      on("console", `journalctl -b -u ${unit} -o cat`).includes("has given this host up"),
    );
  }
  await untilWhole();
  expect(await monitored(dev, "app-1", "num-other-sentinels")).toBe("2");
  expect(await monitored(dev, "app-1", "num-slaves")).toBe("2");
  await stack.preview({ expectNoChanges: true });
  await stack.removeConfig("redis-cluster:gone");
  await stack.destroy();
  for (const host of more)
    expect(on(host, "ls /etc/redis-cluster 2>&1 || true")).toContain("cannot");
});
