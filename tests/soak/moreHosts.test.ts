import {
  address,
  ask,
  epoch,
  eventually,
  failedUp,
  identities,
  info,
  lab,
  losingNothing,
  masterName,
  monitored,
  namedMaster,
  on,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
} from "../helpers/lab";
import { setTimeout as sleep } from "timers/promises";

// Four and five hosts, three of them with a sentinel: one after the other, the fourth gone on with.

const sentinels = ["app-1", "app-2", "console"];
let dev: Stack;
let written = 0;
const node = (host: string) => ({ host, daemon: "node" }) as const;

/** The member that this sentinel names. */
async function named(by: string): Promise<string | undefined> {
  const asked = { host: by, daemon: "sentinel" } as const;
  const [at] = (await ask(dev, asked, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)) as [
    string,
  ];
  return [...sentinels, "app-3", "app-4"].find((host) => address(host) === at);
}

/** Writes keys that a good number of replicas have. */
async function write(master: string, replicas: number): Promise<void> {
  await writeKeys(dev, master, written, 500);
  written += 500;
  expect(await ask(dev, node(master), "WAIT", String(replicas), "5000")).toBeGreaterThanOrEqual(
    replicas,
  );
}

describe.each([
  { more: ["app-3"], bound: 2 },
  { more: ["app-3", "app-4"], bound: 3 },
])("three hosts and $more without a sentinel", ({ more, bound }) => {
  const hosts = [...sentinels, ...more];

  /** Until the group is whole and every node has what was written. */
  async function whole(): Promise<void> {
    await untilWhole(120);
    for (const host of hosts) {
      await eventually(`${host} has ${written} keys`, 60, async () => {
        return (await ask(dev, node(host), "DBSIZE")) === written;
      });
    }
  }

  beforeAll(async () => {
    lab("up", String(hosts.length));
    dev = await openStack("dev");
    for (const host of more) {
      await dev.stack.setConfig(`redis-cluster:hosts.${host}.sentinel`, { value: "false" }, true);
    }
    await dev.stack.up();
    await write((await named("app-1"))!, bound);
  });

  it("a master that is cut off with a replica and without a majority of the sentinels stops acknowledging", async () => {
    const old = (await named("app-1"))!;
    expect(await ask(dev, node(old), "CONFIG", "GET", "min-replicas-to-write")).toContain(
      String(bound),
    );
    const away = sentinels.filter((host) => host !== old);
    // With it are the hosts that have no sentinel.
    const here = hosts.filter((host) => !away.includes(host));
    const route = (verb: string) =>
      away.map((host) => `ip route ${verb} blackhole ${address(host)}`).join(" && ");
    for (const host of here) on(host, route("add"));
    await eventually(
      "the others have another master",
      60,
      async () => (await named(away[0])) !== old,
    );
    await sleep(2000);
    await expect(ask(dev, node(old), "SET", "late", "x")).rejects.toThrow("NOREPLICAS");
    expect(await ask(dev, node(old), "DBSIZE")).toBe(written);
    for (const host of here) on(host, route("del"));
    await whole();
  });

  it("all lose power, and a stale host with a sentinel is up with those that have none: nobody follows it", async () => {
    await whole();
    const stale = (await named("app-1"))!;
    lab("kill", stale);
    const rest = sentinels.filter((host) => host !== stale);
    await eventually("the others have another master", 60, async () => {
      const now = await named(rest[0]);
      return now !== undefined && now !== stale && now === (await named(rest[1]));
    });
    const master = (await named(rest[0]))!;
    await eventually("with its replicas", 60, async () => {
      return (await info(dev, node(master), "replication")).connected_slaves === String(bound);
    });
    await write(master, bound);
    for (const host of hosts) lab("kill", host);
    const first = [stale, ...hosts.filter((host) => !sentinels.includes(host) && host !== master)];
    for (const host of first) lab("start", host);
    await sleep(15_000);
    for (const host of first) {
      const role = await info(dev, node(host), "replication").catch(() => ({ role: "down" }));
      expect([host, role.role]).not.toEqual([host, "master"]);
    }
    for (const host of hosts.filter((each) => !first.includes(each))) lab("start", host);
    await whole();
  });

  it("the host of its master stays away after that: the newest is promoted, wherever it is", async () => {
    const old = (await named("app-1"))!;
    const [behind, ...ahead] = hosts.filter((host) => host !== old);
    on(behind, "systemctl stop redis-cluster");
    await write(old, bound);
    await sleep(3000);
    for (const host of hosts) lab("kill", host);
    for (const host of [behind, ...ahead]) lab("start", host);
    await eventually("another is master", 90, async () => {
      const now = await named(sentinels.find((host) => host !== old)!);
      return now !== undefined && now !== old && now !== behind;
    });
    await sleep(5000);
    lab("start", old);
    await whole();
  });
});

describe("hosts and sentinels come and go, under writes", () => {
  const set = (path: string, value: string) =>
    dev.stack.setConfig(`redis-cluster:hosts.${path}`, { value }, true);
  const takeOff = (path: string) => dev.stack.removeConfig(`redis-cluster:hosts.${path}`, true);

  /** `up`, of which the daemons of the three hosts that stay do not restart, and no failover comes. */
  async function quietUp(): Promise<string> {
    const before = [await identities(dev), await epoch(dev)];
    const { stdout } = await dev.stack.up({ color: "never" });
    expect([await identities(dev), await epoch(dev)]).toEqual(before);
    return stdout;
  }

  /** Until each of the three knows so many replicas and other sentinels, no more and no less, and has that quorum. */
  async function counted(replicas: number, others: number, quorum: number): Promise<void> {
    await untilWhole();
    for (const host of sentinels) {
      const seen = ["num-slaves", "num-other-sentinels", "quorum"].map((field) =>
        monitored(dev, host, field),
      );
      expect([host, ...(await Promise.all(seen))]).toEqual(
        [host, replicas, others, quorum].map(String),
      );
    }
  }

  beforeAll(async () => {
    lab("up", "5");
    dev = await openStack("dev");
    for (const host of ["app-3", "app-4"]) await set(`${host}.sentinel`, "false");
    await dev.stack.up();
    for (let old = await named("app-1"); !sentinels.includes(old!); old = await named("app-1")) {
      on(old!, "systemctl restart redis-cluster");
      await untilWhole();
    }
  });

  it("two sentinels more: one after the other, each counted by those before it", async () => {
    for (const host of ["app-3", "app-4"]) await takeOff(`${host}.sentinel`);
    const said = await losingNothing(dev, quietUp);
    const came = [
      ...said.matchAll(/app-([34])-sentinel-start .*counted by the sentinels on (.*) \[/g),
    ];
    expect(came.map(([, , by]) => by.split(", ").length).sort()).toEqual([3, 4]);
    await counted(4, 4, 3);
  });

  it("a host less with its sentinel, and the sentinel of another: one run", async () => {
    await takeOff("app-4");
    await set("app-3.sentinel", "false");
    expect(await losingNothing(dev, quietUp)).toContain("app-4: stopped for good");
    await counted(3, 2, 2);
    expect(on("app-3", "systemctl is-active redis-sentinel || true")).toBe("inactive");
    expect(on("app-4", "systemctl is-active redis-cluster || true")).toBe("inactive");
  });

  it("a replica that is no member is told, and keeps no run from its end", async () => {
    const master = address((await namedMaster(dev))!);
    const login = `--masteruser replication --masterauth ${dev.passwords.replication}`;
    const analyst = `redis-server --port 7000 --dir /tmp --replicaof ${master} 6389 ${login}`;
    on("app-4", `systemd-run --quiet --unit analyst ${analyst} --save "" --replica-priority 0`);
    const note = `${address("app-4")}:7000 replicates, and is none of redis-cluster:hosts`;
    const gate = "/usr/local/lib/redis-cluster/redis-cluster gate 2>&1";
    await eventually("it is told", 60, () => on("app-1", gate).includes(note));
    await dev.stack.setConfig("redis-cluster:redis.hz", { value: "21" }, true);
    expect(await losingNothing(dev, quietUp)).toContain(note);
    on("app-4", "systemctl stop analyst");
  });

  it("a host that is gone for good leaves in two runs that do not ask it", async () => {
    lab("kill", "app-3");
    await losingNothing(dev, async () => {
      const host = await dev.stack.getConfig("redis-cluster:hosts");
      await takeOff("app-3");
      const said = await failedUp(dev);
      expect(said).toContain("app-3 was taken off redis-cluster:hosts and cannot be reached");
      await dev.stack.setConfig("redis-cluster:hosts", host);
      await set("app-3.gone", "true");
      await quietUp();
      await counted(2, 2, 2);
      await takeOff("app-3");
      await quietUp();
    });
    const { stdout } = await dev.stack.up({ color: "never" });
    expect(stdout).toMatch(/\n {4}\d+ unchanged\n/);
  });
});
