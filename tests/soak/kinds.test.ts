import { setTimeout as sleep } from "timers/promises";
import {
  address,
  ask,
  eventually,
  lab,
  losingNothing,
  meanwhile,
  meanwhileOn,
  monitored,
  on,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
} from "../helpers/lab";

// Two nodes and a sentinel alone on a third host; two more of those, and back.

const node = (host: string) => ({ host, daemon: "node" }) as const;
const nodes = ["console", "app-1"];
let dev: Stack;

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);
const unset = (path: string) => dev.stack.removeConfig(`redis-cluster:${path}`, true);
const up = async () => (await dev.stack.up({ color: "never" })).stdout;

/** The member that this host's sentinel names. */
const named = async (by: string) => {
  const at = await monitored(dev, by, "ip");
  return nodes.find((host) => address(host) === at);
};

/** Until each of these knows the others, and so many replicas. */
async function know(sentinels: string[], replicas = 1): Promise<void> {
  await untilWhole();
  for (const host of sentinels) {
    const others = String(sentinels.length - 1);
    await eventually(`the sentinel on ${host} knows ${others} others`, 60, async () => {
      return (await monitored(dev, host, "num-other-sentinels")) === others;
    });
    expect(await monitored(dev, host, "num-slaves")).toBe(String(replicas));
  }
}

/** What of ours a host has that has a sentinel alone. */
const belongings = (host: string) =>
  on(
    host,
    "find /etc /var/lib /var/log /usr/local/lib -name 'redis-cluster*' -o -name 'redis-sentinel*' | sort",
  );

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await set("hosts.app-2.node", "false");
  await up();
});

it("a host has a sentinel that votes, and nothing of a node; nothing has drifted, and all looks work", async () => {
  await know(["console", "app-1", "app-2"]);
  expect(on("app-2", "ls /etc/systemd/system")).not.toContain("redis-cluster.service");
  expect(on("app-2", "ls -A /var/lib/redis-cluster")).toBe("");
  expect(on("app-2", "ls /etc/redis-cluster/managed/current/")).not.toMatch(
    /^(redis\.conf|users\.acl)$/m,
  );
  const program = "/usr/local/lib/redis-cluster/redis-cluster";
  expect(on("app-2", `${program} gate 2>&1`)).toContain("the group is whole");
  expect(on("app-2", `${program} drift`)).toBe("");
  for (const verb of ["lead", "convert"])
    expect([verb, on("app-2", `${program} ${verb} 2>&1 || true`)]).toEqual([
      verb,
      expect.stringContaining(
        "this host has a sentinel and no node; expected one of app-1, console",
      ),
    ]);
  await dev.stack.preview({ expectNoChanges: true });
  await dev.stack.refresh({ expectNoChanges: true });
});

it("a setting of sentinels rolls, and what was changed by hand goes back; no write is lost", async () => {
  await losingNothing(dev, async () => {
    await set("sentinel.loglevel", "verbose");
    await up();
  });
  await know(["console", "app-1", "app-2"]);
  await ask(
    dev,
    { host: "app-2", daemon: "sentinel" },
    "SENTINEL",
    "SET",
    "redis-dev-cluster",
    "quorum",
    "3",
  );
  on("app-2", "systemctl disable redis-sentinel");
  await dev.stack.refresh();
  await up();
  expect(await monitored(dev, "app-2", "quorum")).toBe("2");
  expect(on("app-2", "systemctl is-enabled redis-sentinel")).toBe("enabled");
});

it("its host reboots and votes again; then a master dies, and it is what makes the majority", async () => {
  await meanwhile("reboot", "app-2");
  await know(["console", "app-1", "app-2"]);
  const old = (await named("app-2"))!;
  const other = nodes.find((host) => host !== old)!;
  await writeKeys(dev, old, 0, 200);
  expect(await ask(dev, node(old), "WAIT", "1", "5000")).toBe(1);
  lab("kill", old);
  await eventually("the other node is master", 60, async () => (await named("app-2")) === other);
  // Nobody has what it would take now.
  await expect(ask(dev, node(other), "SET", "late", "x")).rejects.toThrow("NOREPLICAS");
  lab("start", old);
  await know(["console", "app-1", "app-2"]);
  expect(await ask(dev, node(other), "GET", "late")).toBeNull();
  expect(await named("console")).toBe(other);
});

it("two more are added, and the master hands over; then both are taken off in one run; no write is lost", async () => {
  lab("up", "5");
  dev = await openStack("dev");
  await losingNothing(dev, async () => {
    for (const host of ["app-3", "app-4"]) await set(`hosts.${host}.node`, "false");
    await set("quorum", "3");
    await up();
    await know(["console", "app-1", "app-2", "app-3", "app-4"]);
    await meanwhileOn((await named("app-4"))!, "systemctl restart redis-cluster");
    await know(["console", "app-1", "app-2", "app-3", "app-4"]);
    await sleep(1000);
    for (const host of ["app-3", "app-4"]) await unset(`hosts.${host}`);
    await set("quorum", "2");
    const said = await up();
    for (const host of ["app-3", "app-4"]) expect(said).toContain(`${host}: stopped for good`);
  });
  await know(["console", "app-1", "app-2"]);
  expect(belongings("app-3") + belongings("app-4")).toBe("");
  await dev.stack.preview({ expectNoChanges: true });
});

it("it is dead for good: the others forget it, and another takes its place", async () => {
  lab("kill", "app-2");
  dev = await openStack("dev");
  for (const host of ["app-2", "app-4"]) await unset(`hosts.${host}`);
  await set("hosts.app-3.node", "false");
  await set("gone[0]", "app-2");
  expect(await up()).toContain("app-2: gone; nobody reaches it");
  await know(["console", "app-1", "app-3"], 1);
  await unset("gone");
  await up();
});

it("by TLS alone a sentinel without a node asks and is asked as the others", async () => {
  await set("tls.mode", "both");
  await up();
  await set("tls.mode", "required");
  await up();
  await untilWhole();
  const program = "/usr/local/lib/redis-cluster/redis-cluster";
  expect(on("app-3", `${program} gate 2>&1`)).toContain("the group is whole");
  expect(on("app-3", `${program} drift`)).toBe("");
});

it("destroy leaves nothing on such a host; deployed anew it gets a node, and then has to keep it", async () => {
  await dev.stack.destroy();
  expect(belongings("app-3")).toBe("");
  await unset("tls");
  await up();
  await know(["console", "app-1", "app-3"]);
  await unset("hosts.app-3.node");
  await up();
  await know(["console", "app-1", "app-3"], 2);
  await dev.stack.refresh({ expectNoChanges: true });
  await set("hosts.app-3.node", "false");
  await expect(dev.stack.preview()).rejects.toThrow("expected that the host keeps its node");
});
