import {
  ask,
  changes,
  hosts,
  identities,
  info,
  lab,
  leavesNothing,
  losingNothing,
  meanwhile,
  meanwhileOn,
  namedMaster,
  on,
  openStack,
  Stack,
  untilWhole,
} from "../helpers/lab";

// Debian 13 with its Redis 8.0: a group moves there from Debian 12 host by host, lives there, and is made anew there.

let dev: Stack;
const program = "/usr/local/lib/redis-cluster/redis-cluster";

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);
const nodeSetting = async (host: string, name: string) =>
  ((await ask(dev, { host, daemon: "node" }, "CONFIG", "GET", name)) as string[])[1];

/** Every daemon runs Debian 13's Redis; another run, and one that has looked for drift, has nothing to do. */
async function runsOnDebian13(): Promise<void> {
  for (const host of hosts) {
    expect(on(host, ". /etc/os-release; echo $VERSION_ID")).toBe("13");
    for (const daemon of ["node", "sentinel"] as const) {
      const { redis_version } = await info(dev, { host, daemon }, "server");
      expect([host, daemon, redis_version]).toEqual([host, daemon, expect.stringMatching(/^8\./)]);
    }
  }
  const before = await identities(dev);
  const { summary } = await dev.stack.up({ refresh: true });
  expect(changes(summary.resourceChanges)).toEqual({});
  expect(await identities(dev)).toEqual(before);
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
});

it("from Debian 12 host by host: replicas first, the gate tells of two versions, the master hands over last, no write lost", async () => {
  const replaced = async (host: string) => {
    await meanwhile("wipe", host, "13");
    // It reads the new host key.
    dev = await openStack("dev");
    await dev.stack.up();
    await untilWhole();
  };
  const gate = (host: string) => on(host, `${program} gate 2>&1`);
  expect(await namedMaster(dev)).toBe("console");
  await losingNothing(dev, async () => {
    await replaced("app-1");
    expect(gate("app-1")).toMatch(
      /not all nodes run the same Redis: app-1 8\S+, app-2 7\S+, console 7\S+\. An older one cannot copy/,
    );
    // Half-way there the master moves to the other old one, whose data both can copy.
    await meanwhileOn("console", "systemctl restart redis-cluster");
    await untilWhole();
    expect(await namedMaster(dev)).toBe("app-2");
    await replaced("console");
    await meanwhileOn("app-2", "systemctl stop redis-cluster");
    expect(await namedMaster(dev)).not.toBe("app-2");
    await replaced("app-2");
  });
  expect(gate("app-1")).not.toContain("not all nodes run the same Redis");
  await runsOnDebian13();
});

it("live class: restarts nothing", async () => {
  const before = await identities(dev);
  await losingNothing(dev, async () => {
    await set("redis.maxmemory", "256mb");
    await set("sentinel.down-after-milliseconds", "5001");
    await dev.stack.up();
  });
  expect(await identities(dev)).toEqual(before);
  for (const host of hosts) expect(await nodeSetting(host, "maxmemory")).toBe("268435456");
});

it("restart class: one handover, each node restarted once, no full sync, no write lost", async () => {
  const syncs = "grep -c 'Full resync from master' /var/log/redis-cluster/redis-cluster.log || :";
  const before = await identities(dev, "node");
  const master = await namedMaster(dev);
  const full = hosts.map((host) => on(host, syncs));
  await losingNothing(dev, async () => {
    await set("redis.tcp-backlog", "512");
    await dev.stack.up();
    await untilWhole();
  });
  const after = await identities(dev, "node");
  expect(await namedMaster(dev)).not.toBe(master);
  for (const host of hosts) {
    expect(await nodeSetting(host, "tcp-backlog")).toBe("512");
    expect(after[`${host} node`]).not.toBe(before[`${host} node`]);
  }
  expect(hosts.map((host) => on(host, syncs))).toEqual(full);
});

it("a master that hangs is failed over and comes back as a replica; `up` moves nothing back", async () => {
  const old = (await namedMaster(dev))!;
  await losingNothing(dev, async () => {
    await meanwhileOn(old, "systemctl kill --kill-who=main -s STOP redis-cluster");
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    await meanwhileOn(old, "systemctl kill --kill-who=main -s CONT redis-cluster");
    await untilWhole();
  });
  const master = await namedMaster(dev);
  expect(master).not.toBe(old);
  const { summary } = await dev.stack.up();
  expect(changes(summary.resourceChanges)).toEqual({});
  expect(await namedMaster(dev)).toBe(master);
});

it("leaves nothing on any disk after a destroy", async () => {
  await leavesNothing(dev);
});

it("a first deployment, on hosts with and without the package", async () => {
  lab("wipe", "app-1");
  dev = await openStack("dev");
  await dev.stack.up();
  expect(await namedMaster(dev)).toBe("console");
  await untilWhole();
  await runsOnDebian13();
});
