import {
  eventually,
  info,
  lab,
  losingNothing,
  monitored,
  on,
  openStack,
  Stack,
  untilWhole,
} from "../helpers/lab";

// Where the sentinels are, in a group that goes on.

const node = (host: string) => ({ host, daemon: "node" }) as const;
const nodes = ["console", "app-1", "app-2"];
let dev: Stack;

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:${path}`, { value }, true);
const unset = (path: string) => dev.stack.removeConfig(`redis-cluster:${path}`, true);
const up = async () => (await dev.stack.up({ color: "never" })).stdout;

/** Until each of these knows the others, and both replicas. */
async function know(...sentinels: string[]): Promise<void> {
  await untilWhole();
  for (const host of sentinels) {
    await eventually(`the sentinel on ${host} knows two others`, 60, async () => {
      return (await monitored(dev, host, "num-other-sentinels")) === "2";
    });
    expect(await monitored(dev, host, "num-slaves")).toBe("2");
  }
}

const runs = () =>
  Promise.all(nodes.map(async (host) => (await info(dev, node(host), "server")).run_id));

/** Of the sentinel's, but for what the release before had. */
const files = (host: string) =>
  on(
    host,
    "find /etc/systemd/system /etc/redis-cluster -path '*/managed/releases' -prune -o -name '*sentinel*' -print && " +
      "ls /etc/redis-cluster/managed/current/ | grep sentinel || true",
  );

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await up();
  lab("up", "4");
  dev = await openStack("dev");
});

it("a host that stays gives its sentinel up to another, and gets it back; no node restarts, and no write is lost", async () => {
  const before = await runs();
  await losingNothing(dev, async () => {
    await set("hosts.app-2.sentinel", "false");
    await set("hosts.app-3.node", "false");
    expect(await up()).toContain("app-2: stopped its sentinel for good");
    await know("console", "app-1", "app-3");
    expect(files("app-2")).toBe("");
    await dev.stack.refresh({ expectNoChanges: true });
    await unset("hosts.app-2.sentinel");
    await set("hosts.app-1.sentinel", "false");
    expect(await up()).toContain("app-1: stopped its sentinel for good");
    await know("console", "app-2", "app-3");
    expect(files("app-1")).toBe("");
    await dev.stack.refresh({ expectNoChanges: true });
    await dev.stack.preview({ expectNoChanges: true });
  });
  expect(await runs()).toEqual(before);
});
