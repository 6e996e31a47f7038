import { setTimeout as sleep } from "timers/promises";
import {
  address,
  ask,
  epoch,
  eventually,
  everyNodeHas,
  Host,
  hosts,
  info,
  lab,
  meanwhile,
  meanwhileOn,
  namedMaster,
  nothingLost,
  on,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
  writerOn,
} from "../helpers/lab";

// Processes and hosts that go away and come back with their disks. A killed container is not a power cut: what
// was written and not yet synced survives it, as it survives the kill of a process.

let dev: Stack;
const node = (host: string) => ({ host, daemon: "node" }) as const;
const keys = async (host: string) => (await ask(dev, node(host), "DBSIZE")) as number;
const master = async () => (await namedMaster(dev)) as Host;

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
  await writeKeys(dev, "console", 0, 1000);
});

it("all hosts lose power at once: the same master, every key", async () => {
  for (const host of hosts) lab("kill", host);
  for (const host of ["app-2", "console", "app-1"]) lab("start", host);
  await untilWhole();
  expect(await namedMaster(dev)).toBe("console");
  await everyNodeHas(dev, 1000);
});

it("of two that come back, the one with the newer data is promoted, not the one that was down before", async () => {
  on("app-2", "systemctl stop redis-cluster");
  await writeKeys(dev, "console", 1000, 1000);
  expect(await ask(dev, node("console"), "WAIT", "1", "2000")).toBe(1);
  // The age of the data is told in whole seconds.
  await sleep(2000);
  for (const host of hosts) lab("kill", host);
  for (const host of ["app-2", "app-1"]) lab("start", host);
  await eventually("app-1 is master", 60, async () => {
    const { role } = await info(dev, node("app-1"), "replication");
    return role === "master";
  });
  expect(await keys("app-1")).toBe(2000);
  lab("start", "console");
  await untilWhole(90);
  await everyNodeHas(dev, 2000);
  // One that has copied all data has its rank again once they are in its AOF.
  for (const host of hosts)
    await eventually(`${host} has its own priority`, 30, async () => {
      const told = await ask(dev, node(host), "CONFIG", "GET", "replica-priority");
      return (told as string[])[1] === "100";
    });
});

it.each<{ order: Host[] }>([
  { order: ["console", "app-1", "app-2"] },
  { order: ["app-2", "app-1", "console"] },
])(
  "all hosts are shut down together and come back as $order: no write is lost",
  async ({ order }) => {
    const writer = await writerOn(dev);
    await sleep(1000);
    await Promise.all(hosts.map((host) => meanwhile("poweroff", host)));
    for (const host of order) await meanwhile("start", host);
    await untilWhole(90);
    await nothingLost(writer);
    await everyNodeHas(dev, 2000);
  },
);

it("the master's process is killed: it is back in place, and nothing is lost", async () => {
  const [old, oldEpoch] = [await master(), await epoch(dev)];
  const { run_id: oldRun } = await info(dev, node(old), "server");
  const writer = await writerOn(dev);
  await sleep(2000);
  await meanwhileOn(old, "systemctl kill --kill-who=main -s KILL redis-cluster");
  await sleep(3000);
  await nothingLost(writer);
  expect((await info(dev, node(old), "server")).run_id).not.toBe(oldRun);
  expect([await master(), await epoch(dev)]).toEqual([old, oldEpoch]);
  await untilWhole();
});

it("a master that loads for long after a crash is failed over", async () => {
  const old = await master();
  // 2 ms a key: longer than Sentinel needs to notice, and to have enough of it.
  const held = await keys(old);
  await writeKeys(dev, old, held, 20_000);
  await ask(dev, node(old), "BGREWRITEAOF");
  await eventually("the AOF is rewritten", 30, async () => {
    const { aof_rewrite_in_progress } = await info(dev, node(old), "persistence");
    return aof_rewrite_in_progress === "0";
  });
  const dropIn = "/run/systemd/system/redis-cluster.service.d";
  const slowly =
    "ExecStart=/usr/bin/redis-server /etc/redis-cluster/redis-cluster.conf --key-load-delay 2000 --loading-process-events-interval-bytes 1024";
  on(
    old,
    `mkdir ${dropIn} && printf '%s\\n' '[Service]' ExecStart= '${slowly}' >${dropIn}/slow.conf && systemctl daemon-reload`,
  );
  const writer = await writerOn(dev);
  await sleep(1000);
  await meanwhileOn(old, "systemctl kill --kill-who=main -s KILL redis-cluster");
  await eventually("another is master", 60, async () => {
    const named = await namedMaster(dev);
    return named !== undefined && named !== old;
  });
  expect(await info(dev, node(old), "persistence")).toMatchObject({ loading: "1" });
  await meanwhileOn(old, `rm -r ${dropIn}`);
  await meanwhileOn(old, "systemctl daemon-reload");
  await meanwhileOn(old, "systemctl kill --kill-who=main -s KILL redis-cluster");
  await untilWhole(90);
  await nothingLost(writer);
  await everyNodeHas(dev, held + 20_000);
});

it("a master cut off from the group stops acknowledging, and follows when it is back", async () => {
  const old = await master();
  const [, maxLag] = (await ask(
    dev,
    node(old),
    "CONFIG",
    "GET",
    "min-replicas-max-lag",
  )) as string[];
  // A client on the master's side, which goes on writing to the node that it knows.
  on(
    old,
    `cat >/root/client <<'EOF'
read -r _ REDISCLI_AUTH < <(grep "^operator " /etc/redis-cluster/managed/current/secrets)
export REDISCLI_AUTH
for ((n = 1; ; n++)); do
  sent=$EPOCHREALTIME
  reply=$(redis-cli --user operator --no-auth-warning -h ${address(old)} -p 6389 SET inside:$n x)
  echo "$n $sent $EPOCHREALTIME $reply"
  sleep 0.02
done
EOF
systemd-run --quiet --unit=client bash -c "exec bash /root/client >/root/replies"`,
  );
  const writer = await writerOn(dev);
  await sleep(2000);
  const before = Date.now() / 1000;
  await meanwhile("cut", old);
  const cut = Date.now() / 1000;
  const other = hosts.find((host) => host !== old)!;
  await eventually("the others have another master", 60, async () => {
    const asked = { host: other, daemon: "sentinel" } as const;
    const [named] = (await ask(
      dev,
      asked,
      "SENTINEL",
      "GET-MASTER-ADDR-BY-NAME",
      "redis-dev-cluster",
    )) as string[];
    return named !== address(old);
  });
  // Redis counts the lag in whole seconds, and looks once a second.
  const bound = Number(maxLag) + 2;
  await sleep(Math.max(0, (cut + bound + 1) * 1000 - Date.now()));
  await meanwhile("heal", old);
  await untilWhole(90);
  await nothingLost(writer);
  on(old, "systemctl stop client");
  const acknowledged = on(old, "cat /root/replies")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , , reply]) => reply === "OK")
    .map(([n, sent, answered]) => ({
      key: `inside:${n}`,
      sent: Number(sent),
      answered: Number(answered),
    }));
  const last = acknowledged[acknowledged.length - 1].sent;
  const now = await master();
  const values = (await ask(dev, node(now), "MGET", ...acknowledged.map(({ key }) => key))) as (
    string | null
  )[];
  const gone = acknowledged.filter((_, i) => values[i] === null);
  console.log(
    `cut off: acknowledged for ${(last - cut).toFixed(1)} s more, and lost ${gone.length} of these writes`,
  );
  expect(now).not.toBe(old);
  expect(await info(dev, node(old), "replication")).toMatchObject({ role: "slave" });
  expect(acknowledged.filter(({ answered }) => answered < before).length).toBeGreaterThan(20);
  expect(gone.filter(({ answered }) => answered < before)).toEqual([]);
  expect(gone.length).toBeGreaterThan(0);
  expect(last - cut).toBeLessThan(bound);
});
