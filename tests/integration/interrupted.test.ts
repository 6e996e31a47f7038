import { spawn, spawnSync } from "child_process";
import { join } from "path";
import { WriterResult } from "../writer";
import {
  ask,
  changes,
  eventually,
  Host,
  hosts,
  identities,
  info,
  lab,
  meanwhileOn,
  namedMaster,
  openStack,
  Stack,
  unlock,
  writerOn,
} from "../helpers/lab";
import { held, Hold, hold, installHolds, release, releaseAll } from "../helpers/holds";

// A rollout of the restart class that something cuts through, while a client writes all the time. The steps are
// held on the hosts, so that each fault comes at an exact place. Runs are chained: the one that finishes or takes
// back what the one before it left is the one that the next fault strikes; every chain ends on the wanted state.

interface Row {
  host: string;
  verb: string;
  fault: string;
  said: string;
  ended: string;
  acknowledged: number;
  lost: number;
  longestGap: number;
}

/** The steps of a rollout, in its order. */
const steps = [
  ...hosts.flatMap((host) =>
    ["sentinel-stop", "node-roll", "sentinel-roll"].map((verb) => ({ host, verb })),
  ),
  ...hosts.map((host) => ({ host, verb: "node-roll-master" })),
];

const rows: Row[] = [];
let dev: Stack;
let wanted = 0;

/** A change of both daemons that takes a restart. */
async function want(backlog: number): Promise<void> {
  wanted = backlog;
  const value = String(backlog);
  await dev.stack.setAllConfig(
    {
      "redis-cluster:redis.tcp-backlog": { value },
      "redis-cluster:sentinel.tcp-backlog": { value },
    },
    true,
  );
}

interface Up {
  pid: number;
  said: string;
  /** Its exit code; null when it was killed. */
  ended: Promise<number | null>;
}

/** `pulumi up` as an operator's shell runs it. */
function startUp(): Up {
  const child = spawn(
    "pulumi",
    ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", "dev"],
    {
      cwd: dev.directory,
      env: { ...process.env, PULUMI_CONFIG_PASSPHRASE_FILE: join(dev.directory, "passphrase") },
    },
  );
  const up: Up = {
    pid: child.pid!,
    said: "",
    ended: new Promise((resolve) => child.on("exit", resolve)),
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => (up.said += text.toString()));
  }
  return up;
}

/** Until the run waits at the hold; throws with its words when it ends before. */
function reached(up: Up, one: Hold): ReturnType<typeof held> {
  const early = up.ended.then((code) => {
    throw new Error(
      `${one.point} ${one.verb} of ${one.host}: the run ended (${code}):\n${up.said}`,
    );
  });
  return Promise.race([held(one), early]);
}

async function success(up: Up): Promise<void> {
  const code = await up.ended;
  if (code !== 0) throw new Error(`pulumi up ended with ${code}:\n${up.said}`);
}

/** A process of this machine and all below it. */
function family(pid: number): number[] {
  const all = spawnSync("ps", ["-e", "-o", "pid=,ppid="], { encoding: "utf8" }).stdout;
  const parents = all
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (one: number): number[] => [
    one,
    ...parents.filter(([, parent]) => parent === one).flatMap(([child]) => below(child)),
  ];
  return below(pid);
}

/** Kills engine, language host and plugins at once, or the engine alone: then the plugin hears a step's end, and nobody hears the plugin. */
async function kill(up: Up, engineAlone = false): Promise<void> {
  const pids = family(up.pid);
  expect(pids.length).toBeGreaterThan(2);
  for (const pid of engineAlone ? [up.pid] : pids) process.kill(pid, "SIGKILL");
  await up.ended;
}

/** The one node that says it is master, and no other does. */
async function master(): Promise<Host> {
  const roles = await Promise.all(
    hosts.map((host) =>
      info(dev, { host, daemon: "node" }, "replication").then(
        ({ role }) => role,
        () => "silent",
      ),
    ),
  );
  const masters = hosts.filter((_, i) => roles[i] === "master");
  if (masters.length !== 1) throw new Error(`masters: ${masters.join(", ")}`);
  return masters[0];
}

/** Until this host's node is linked to the one master. */
async function linked(host: Host): Promise<void> {
  await eventually(`${host} is a linked replica`, 60, async () => {
    const { role, master_link_status } = await info(dev, { host, daemon: "node" }, "replication");
    return role === "slave" && master_link_status === "up" && (await master()) !== host;
  });
}

const downAtAll = "/run/systemd/system/redis-cluster.service.d/down.conf";

const failovers = {
  /** The process is killed and stays away until the others have a master. */
  async crash(old: Host): Promise<void> {
    await meanwhileOn(
      old,
      `bash -c 'mkdir -p ${downAtAll.replace(/\/[^/]*$/, "")}; printf "[Service]\\nRestart=no\\n" > ${downAtAll};` +
        " systemctl daemon-reload; systemctl kill --kill-who=main -s KILL redis-cluster'",
    );
    await eventually("another master", 60, async () => (await master()) !== old);
    await meanwhileOn(
      old,
      `bash -c 'rm ${downAtAll}; systemctl daemon-reload; systemctl start redis-cluster'`,
    );
  },
  /** The unit is stopped, which hands over, and started again. */
  async stop(old: Host): Promise<void> {
    await meanwhileOn(old, "systemctl stop redis-cluster");
    await eventually("another master", 60, async () => (await master()) !== old);
    await meanwhileOn(old, "systemctl start redis-cluster");
  },
};

/** A failover that loses nothing by itself, and the old master back as a replica. */
async function failOver(how: keyof typeof failovers): Promise<string> {
  const old = await master();
  await failovers[how](old);
  await linked(old);
  return `${how} of ${old}, ${await master()} takes over`;
}

/** Runs it while a client writes. Each call of `note` ends a row of the table; nothing may be lost at any of them. */
async function recorded(
  what: (
    note: (row: Pick<Row, "host" | "verb" | "fault" | "said" | "ended">) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const writer = await writerOn(dev);
  const began = performance.now();
  let [count, since] = [0, 0];
  const figures = ({ acknowledged, lost, gaps }: WriterResult) => {
    const own = gaps.filter(({ at, length }) => at + length > since);
    const figure = {
      acknowledged: acknowledged - count,
      lost,
      longestGap: Math.max(0, ...own.map(({ length }) => length)),
    };
    [count, since] = [acknowledged, (performance.now() - began) / 1000];
    return figure;
  };
  try {
    await what(async (row) => {
      rows.push({ ...row, ...figures(await writer.soFar()) });
      expect(rows.at(-1)).toMatchObject({ lost: 0 });
      expect(rows.at(-1)!.acknowledged).toBeGreaterThan(0);
    });
  } finally {
    const { acknowledged, lost } = await writer.stop();
    expect({ lost, wrote: acknowledged > 20 }).toEqual({ lost: 0, wrote: true });
  }
}

/** A client that comes anew finds a master and writes: no pause was left behind. */
async function writesGoOn(): Promise<void> {
  const { acknowledged } = await (await writerOn(dev)).stop();
  expect(acknowledged).toBeGreaterThan(0);
}

/** The last thing of interest that a run said. */
function lastWords({ said }: Up): string {
  const lines = said.split("\n").map((line) => line.trim());
  const error = lines.find((line) => line.includes("error:"));
  return (error ?? lines.filter(Boolean).at(-1) ?? "").slice(0, 100);
}

/** One `up` ends on what is wanted: on every host, with nothing owed, and the next one changes nothing. */
async function upSettles(): Promise<string> {
  await success(startUp());
  const before = await identities(dev);
  const again = await dev.stack.up();
  expect(changes(again.summary.resourceChanges)).toEqual({});
  expect(await identities(dev)).toEqual(before);
  for (const host of hosts) {
    const node = { host, daemon: "node" } as const;
    expect(await ask(dev, node, "CONFIG", "GET", "tcp-backlog")).toEqual([
      "tcp-backlog",
      String(wanted),
    ]);
    const said = await meanwhileOn(
      host,
      "bash -c 'cd /etc/redis-cluster; cat /run/redis-cluster/*/release; basename $(readlink current);" +
        " (cd staged; sha256sum -- * | sha256sum | cut -c 1-16); grep ^tcp-backlog redis-sentinel.conf;" +
        " systemctl is-active redis-cluster redis-sentinel redis-sentinel-return.timer || true'",
    );
    const [release] = said.split("\n");
    expect({ host, said: said.split("\n") }).toEqual({
      host,
      said: [
        ...Array<string>(4).fill(release),
        `tcp-backlog ${wanted}`,
        ...["active", "active", "inactive"],
      ],
    });
  }
  expect(await namedMaster(dev)).toBe(await master());
  return "wanted state";
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.setAllConfig(
    {
      "redis-cluster:sentinelReturn": { value: "15" },
      // Crashes are noticed in half the time, and a busy machine is still no crash.
      "redis-cluster:sentinel.down-after-milliseconds": { value: "3000" },
    },
    true,
  );
  await dev.stack.up();
  for (const host of hosts) installHolds(host);
});

afterEach(async () => {
  await Promise.all(hosts.map(releaseAll));
});

afterAll(() => {
  const heads = ["step", "host", "what was injected", "what the run said", "how it ended"];
  const cells = rows.map((row) => [
    ...[row.verb, row.host, row.fault, row.said, row.ended],
    ...[String(row.acknowledged), String(row.lost), `${row.longestGap.toFixed(1)} s`],
  ]);
  const all = [[...heads, "acknowledged", "lost", "longest gap"], ...cells];
  const widths = all[0].map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const lines = all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join("  ")
      .trimEnd(),
  );
  process.stdout.write(`${lines.join("\n")}\n`);
});

it("killed at every step, then finished", async () => {
  await want(700);
  await recorded(async (note) => {
    for (const { host, verb } of steps) {
      const one = { host, verb, point: "after" } as const;
      await hold(one);
      const up = startUp();
      await reached(up, one);
      await kill(up);
      await release(one);
      await unlock(dev);
      await writesGoOn();
      await note({
        host,
        verb,
        fault: "killed, done but unheard",
        said: lastWords(up),
        ended: `${await master()} is master`,
      });
    }
    await note({ host: "", verb: "up", fault: "", said: "", ended: await upSettles() });
  });
});

it("a failover between each pair of steps of one rollout", async () => {
  await want(800);
  const holds: Hold[] = [
    ...steps.slice(1).map((step) => ({ ...step, point: "before" as const })),
    { host: "console", verb: "node-roll-master", point: "after" },
  ];
  await recorded(async (note) => {
    await hold(...holds);
    const up = startUp();
    for (const [i, one] of holds.entries()) {
      await reached(up, one);
      const fault = await failOver(i % 2 ? "crash" : "stop");
      await note({ ...one, fault, said: "", ended: "" });
      await release(one);
    }
    await success(up);
    await note({ host: "", verb: "up", fault: "", said: lastWords(up), ended: await upSettles() });
  });
});
