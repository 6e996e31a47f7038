import {
  belongings,
  changes,
  Host,
  hosts,
  identities,
  lab,
  leftBeside,
  nothingLost,
  on,
  openBeside,
  openStack,
  Stack,
  eventually,
  meanwhile,
  meanwhileOn,
  writerOn,
} from "../helpers/lab";

// Two groups on the same hosts for a while: the one without a name, and one that is called cache.

let dev: Stack;
let cache: Stack;
let kernels: string[];
const kernel = () =>
  hosts.map((host) => on(host, "sysctl -n vm.overcommit_memory net.core.somaxconn"));

/** Until each group's own program finds it whole. */
const bothWhole = () =>
  Promise.all(
    ["redis-cluster", "redis-cluster-cache"].map((name) =>
      eventually(`${name} is whole`, 120, async () => {
        await meanwhileOn("app-1", `/usr/local/lib/${name}/redis-cluster gate`);
        return true;
      }),
    ),
  );

/** Runs it while applications write to both groups, of which those that are to be left alone miss nothing. */
async function writing(alone: Stack[], what: () => Promise<unknown>, both = [dev, cache]) {
  const writers = await Promise.all(both.map((stack) => writerOn(stack)));
  try {
    await what();
  } finally {
    const results = await Promise.all(writers.map(nothingLost));
    const failed = both.map((stack, index) => (alone.includes(stack) ? results[index].failed : 0));
    expect(failed).toEqual(both.map(() => 0));
  }
}

/** A change for which all of a group's nodes have to restart. */
const restarts = (stack: Stack, backlog: string) =>
  stack.stack.setConfig("redis-cluster:redis.tcp-backlog", { value: backlog }, true);

async function expectNoDrift(): Promise<void> {
  for (const { stack } of [dev, cache]) {
    const { summary } = await stack.refresh();
    expect(changes(summary.resourceChanges)).toEqual({});
  }
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  cache = await openBeside("stage");
  await dev.stack.setConfig("redis-cluster:deleteData", { value: "true" });
  kernels = kernel();
});

it("both come at the same time, each with a firewall and backups of its own", async () => {
  const own = on("app-1", "echo $SSH_CONNECTION").split(" ")[0] || "10.77.0.1";
  for (const { stack } of [dev, cache]) {
    await stack.setConfig("redis-cluster:firewall.allow[0]", { value: `${own}/32` }, true);
    await stack.setConfig("redis-cluster:backup.hosts[0]", { value: "app-1" }, true);
  }
  await Promise.all([dev.stack.up(), cache.stack.up()]);
  await bothWhole();
  await expectNoDrift();
  on("app-1", "systemctl start redis-cluster-backup redis-cluster-cache-backup");
  for (const name of ["redis-cluster", "redis-cluster-cache"])
    expect(on("app-1", `ls /var/lib/${name}-backup`)).toMatch(/^\d{8}T\d{6}Z$/m);
});

it("a change and a handover of one is nothing to the other", async () => {
  const [daemons, files] = [await identities(dev), belongings("redis-cluster")];
  await restarts(cache, "600");
  await writing([dev], async () => {
    await cache.stack.up();
    await meanwhileOn("console", "systemctl restart redis-cluster-cache");
  });
  await bothWhole();
  expect(await identities(dev)).toEqual(daemons);
  expect(belongings("redis-cluster")).toEqual(files);
  const others = await identities(cache);
  await restarts(dev, "700");
  await writing([cache], async () => {
    await dev.stack.up();
    await meanwhileOn("console", "systemctl restart redis-cluster");
  });
  await bothWhole();
  expect(await identities(cache)).toEqual(others);
});

it("both change at the same time", async () => {
  await Promise.all([restarts(dev, "800"), restarts(cache, "800")]);
  await writing([], () => Promise.all([dev.stack.up(), cache.stack.up()]));
  await bothWhole();
  await expectNoDrift();
});

it("a host with both reboots", async () => {
  const rebooted: Host = "app-2";
  await writing([], () => meanwhile("reboot", rebooted));
  await bothWhole();
  for (const name of ["redis-cluster", "redis-cluster-cache"]) {
    expect(on(rebooted, `systemctl is-active ${name} ${name}-firewall ${name}-kernel`)).toBe(
      "active\nactive\nactive",
    );
  }
  await expectNoDrift();
});

it("the group without a name goes, and the other is as it was", async () => {
  const [daemons, files] = [await identities(cache), belongings("redis-cluster-cache")];
  const set = kernel();
  await writing([cache], () => dev.stack.destroy(), [cache]);
  expect(await identities(cache)).toEqual(daemons);
  expect(belongings("redis-cluster-cache")).toEqual(files);
  expect(kernel()).toEqual(set);
  for (const host of hosts) {
    const left =
      "find / -xdev \\( -path /proc -o -path /run \\) -prune -o -name 'redis-cluster*' -print";
    expect(on(host, `${left} | grep -v cache || true`)).toBe(
      host === "app-1" ? "/var/lib/redis-cluster-backup" : "",
    );
    expect(on(host, "nft list tables")).toBe("table inet redis_cluster_cache");
    expect(on(host, "ss -Hltn 'sport = :6389 or sport = :26389'")).toBe("");
  }
  const { summary } = await cache.stack.refresh();
  expect(changes(summary.resourceChanges)).toEqual({});
});

it("the other goes too, and with it what was set of the kernel", async () => {
  await cache.stack.destroy();
  expect(leftBeside()).toEqual(["/var/lib/redis-cluster-cache-backup"]);
  expect(kernel()).toEqual(kernels);
});
