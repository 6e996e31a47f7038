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
  masterName,
  namedMaster,
  on,
  openStack,
  Stack,
  untilWhole,
  writeKeys,
} from "../helpers/lab";

// All hosts lose power after a failover, and come back in every order. The one that was master before the failover
// was down meanwhile: its disk is intact and old.

let dev: Stack;
let written = 0;
const node = (host: string) => ({ host, daemon: "node" }) as const;
const slowly = "--rdb-key-save-delay 20000";

async function write(master: Host): Promise<void> {
  await writeKeys(dev, master, written, 500);
  written += 500;
  expect(await ask(dev, node(master), "WAIT", "1", "5000")).toBeGreaterThanOrEqual(1);
}

/** The master's host dies; writes go on with the two that are left. Who was, is, and could be master. */
async function afterFailover(): Promise<{ stale: Host; master: Host; replica: Host }> {
  await untilWhole(120);
  const stale = (await namedMaster(dev)) as Host;
  written = (await ask(dev, node(stale), "DBSIZE")) as number;
  lab("kill", stale);
  const rest = hosts.filter((host) => host !== stale);
  let named = "";
  await eventually("the others have a master with a replica", 60, async () => {
    const sentinel = { host: rest[0], daemon: "sentinel" } as const;
    [named] = (await ask(dev, sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)) as [
      string,
    ];
    const found = rest.find((host) => address(host) === named);
    return (
      found !== undefined && (await info(dev, node(found), "replication")).connected_slaves === "1"
    );
  });
  const master = rest.find((host) => address(host) === named)!;
  await write(master);
  return { stale, master, replica: rest.find((host) => host !== master)! };
}

function losePower(): void {
  for (const host of hosts) lab("kill", host);
}

async function wholeAgain(): Promise<void> {
  await untilWhole(120);
  await everyNodeHas(dev, written);
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
  await write("console");
});

const roles = ["stale", "master", "replica"] as const;
const orders = roles.flatMap((first) =>
  roles
    .filter((second) => second !== first)
    .map((second) => ({
      order: [first, second, roles.find((third) => ![first, second].includes(third))!],
    })),
);

it.each(orders)("up again as $order: nothing is lost", async ({ order }) => {
  const group = await afterFailover();
  losePower();
  for (const role of order) {
    lab("start", group[role]);
    // Long enough for a failover among those that are up.
    await new Promise((resolve) => setTimeout(resolve, 12_000));
  }
  await wholeAgain();
});

it("the master stays away: the replica is promoted, not the stale one that was up first, whose files' times are ten minutes ahead", async () => {
  const { stale, master, replica } = await afterFailover();
  losePower();
  lab("start", stale);
  on(
    stale,
    "find /var/lib/redis-cluster -type f ! -name 'stamp.?' -exec touch -d '+10 minutes' {} +",
  );
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  expect(on(stale, "systemctl is-active redis-cluster || true")).not.toBe("active");
  lab("start", replica);
  await eventually("the replica is promoted", 60, async () => {
    return (await info(dev, node(replica), "replication")).role === "master";
  });
  lab("start", master);
  await wholeAgain();
});

it("the power comes back twice: nothing is lost", async () => {
  const { stale, replica, master } = await afterFailover();
  losePower();
  for (const host of [stale, replica]) lab("start", host);
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  losePower();
  for (const host of [stale, replica]) lab("start", host);
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  lab("start", master);
  await wholeAgain();
});

it("a replica that is still writing its AOF after a full sync takes over, and dies: nothing is lost", async () => {
  await untilWhole(120);
  const old = (await namedMaster(dev)) as Host;
  const [unsaved, other] = hosts.filter((host) => host !== old);
  on(unsaved, "systemctl stop redis-cluster");
  await write(old);
  const dropIn = "/run/systemd/system/redis-cluster.service.d";
  const start = `/usr/bin/redis-server /etc/redis-cluster/redis-cluster.conf ${slowly}`;
  on(
    unsaved,
    `mkdir ${dropIn} && printf '%s\\n' '[Service]' ExecStart= 'ExecStart=${start}' >${dropIn}/slow.conf && systemctl daemon-reload && systemctl start redis-cluster`,
  );
  await eventually("it is linked", 60, async () => {
    return (await info(dev, node(unsaved), "replication")).master_link_status === "up";
  });
  await ask(dev, node(other), "CONFIG", "SET", "replica-priority", "0");
  const before = await epoch(dev);
  // Longer than the sentinels take to hear of the priority.
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  on(old, "systemctl reload-or-restart redis-cluster");
  await eventually("it is master", 60, async () => (await namedMaster(dev)) === unsaved);
  expect(await epoch(dev)).toBeGreaterThan(before);
  await eventually("the others follow", 60, async () => {
    return (await info(dev, node(unsaved), "replication")).connected_slaves === "2";
  });
  await write(unsaved);
  expect((await info(dev, node(unsaved), "persistence")).aof_rewrite_in_progress).toBe("1");
  on(unsaved, `rm -r ${dropIn} && systemctl daemon-reload`);
  on(unsaved, "systemctl kill --kill-who=main -s KILL redis-cluster");
  await eventually("another is master", 60, async () => {
    const named = await namedMaster(dev);
    return named !== undefined && named !== unsaved;
  });
  await ask(dev, node(other), "CONFIG", "SET", "replica-priority", "100");
  await wholeAgain();
});
