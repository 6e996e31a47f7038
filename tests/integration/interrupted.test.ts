import { WriterResult } from "../writer";
import {
  ask,
  eventually,
  Host,
  hosts,
  identities,
  lab,
  meanwhile,
  meanwhileOn,
  namedMaster,
  nothingLost,
  openStack,
  Stack,
  unlock,
  writerOn,
} from "../helpers/lab";
import { endOrphans, kill, lastWords, reached, startUp, success, Up } from "../helpers/engineRun";
import { failOver, linked, master } from "../helpers/failovers";
import { fileOf, Hold, hold, installHolds, release, releaseAll } from "../helpers/holds";

// Rollouts of the restart class that something cuts through, while a client writes all the time. The steps are held
// on the hosts, so that each fault comes at an exact place. Runs are chained: the run that finishes or takes back
// what the one before it left is itself struck further on; every chain ends on the wanted state, and the next run
// changes nothing.

interface Row {
  host: string;
  verb: string;
  fault: string;
  said: string;
  /** What was done next, and how that ended. */
  then: string;
  acknowledged: number;
  lost: number;
  longestGap: number;
}

/** The steps of a rollout, in its order. */
const steps = [
  ...hosts.flatMap((host) => ["node-roll", "sentinel-roll"].map((verb) => ({ host, verb }))),
  ...hosts.map((host) => ({ host, verb: "node-roll-master" })),
];

/** The stack's setting, in seconds. */
const sentinelReturn = 15;

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

/** Runs it while a client writes. Each call of `note` ends a row of the table; nothing may be lost at any of them. */
async function recorded(
  what: (
    note: (row: Pick<Row, "host" | "verb" | "fault" | "said" | "then">) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const writer = await writerOn(dev);
  const began = performance.now();
  let [count, since] = [0, 0];
  const figures = ({ acknowledged, lost, torn, wrong, gaps }: WriterResult) => {
    const own = gaps.filter(({ at, length }) => at + length > since);
    const figure = {
      acknowledged: acknowledged - count,
      lost: lost + torn + wrong,
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
    await nothingLost(writer);
  }
}

/** A client that comes anew finds a master and writes: no pause was left behind. */
async function writesGoOn(): Promise<void> {
  const { acknowledged } = await (await writerOn(dev)).stop();
  expect(acknowledged).toBeGreaterThan(0);
}

/** The node runs with what is wanted. */
async function rolled(host: Host): Promise<void> {
  const backlog = await ask(dev, { host, daemon: "node" }, "CONFIG", "GET", "tcp-backlog");
  expect({ host, backlog }).toEqual({ host, backlog: ["tcp-backlog", String(wanted)] });
}

/** `up` ends on what is wanted: on every host, with nothing owed. */
async function upEndsOnWanted(): Promise<void> {
  await success(startUp(dev));
  for (const host of hosts) {
    await rolled(host);
    // Answered by a replica too, but not during a pause of writes.
    await ask(dev, { host, daemon: "node" }, "PUBLISH", "nobody", "listens");
  }
  const said = await Promise.all(
    hosts.map((host) =>
      meanwhileOn(
        host,
        "bash -c 'cd /etc/redis-cluster/managed; cat /run/redis-cluster/*/release; basename $(readlink current);" +
          " (cd staged; sha256sum -- * | sha256sum | cut -c 1-16); grep ^tcp-backlog ../redis-sentinel.conf;" +
          " systemctl is-active redis-cluster redis-sentinel redis-sentinel-return.timer || true'",
      ),
    ),
  );
  for (const lines of said.map((text) => text.split("\n"))) {
    expect(lines).toEqual([
      // What the two daemons run with, what the next start would take, and what is wanted.
      ...Array<string>(4).fill(lines[0]),
      `tcp-backlog ${wanted}`,
      ...["active", "active", "inactive"],
    ]);
  }
  expect(await namedMaster(dev)).toBe(await master(dev));
}

async function upChangesNothing(): Promise<void> {
  const before = await identities(dev);
  const up = startUp(dev);
  await success(up);
  expect(up.said).toMatch(/Resources:\n +\d+ unchanged\n/);
  expect(await identities(dev)).toEqual(before);
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.setAllConfig(
    {
      "redis-cluster:sentinelReturn": { value: String(sentinelReturn) },
      // Crashes are noticed in half the time, and a busy machine is still no crash.
      "redis-cluster:sentinel.down-after-milliseconds": { value: "3000" },
    },
    true,
  );
  await want(600);
  await success(startUp(dev));
  for (const host of hosts) installHolds(host);
});

afterEach(async () => {
  await Promise.all(hosts.map(releaseAll));
  endOrphans();
});

afterAll(() => {
  const table = [
    ["step", "host", "fault", "what the run said", "then", "acknowledged", "lost", "longest gap"],
    ...rows.map((row) => [
      ...[row.verb, row.host, row.fault, row.said, row.then],
      ...[String(row.acknowledged), String(row.lost), `${row.longestGap.toFixed(1)} s`],
    ]),
  ];
  const widths = table[0].map((_, i) => Math.max(...table.map((row) => row[i].length)));
  for (const row of table) {
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd()}\n`,
    );
  }
});

it("killed at every step, its work done and unheard, and finished by the next run", async () => {
  await want(700);
  await recorded(async (note) => {
    // The last ones go on at the same time: the master's is the one with something to do.
    const lead = await master(dev);
    const own = steps.filter(({ host, verb }) => verb !== "node-roll-master" || host === lead);
    for (const step of own) {
      const one = { ...step, point: "after" } as const;
      await hold(one);
      const up = startUp(dev);
      await reached(up, one);
      await kill(up);
      await release(one);
      await unlock(dev);
      if (step === steps[0]) await sentinelReturns(step.host);
      await writesGoOn();
      const then = "up: killed at the next step";
      await note({ ...step, fault: "killed, done but unheard", said: lastWords(up), then });
    }
    // The quorum check goes on for as long as a node is silent.
    const last = { ...own.at(-1)!, point: "after" } as const;
    await hold(last);
    const check = startUp(dev);
    await reached(check, last);
    const now = await master(dev);
    const silent = hosts.find((host) => host !== now)!;
    await meanwhileOn(silent, "systemctl kill --kill-who=main -s STOP redis-cluster");
    await release(last);
    await eventually("the quorum check begins", 60, () =>
      check.said.includes(" sentinel-quorum updating"),
    );
    await kill(check);
    await meanwhileOn(silent, "systemctl kill --kill-who=main -s CONT redis-cluster");
    await unlock(dev);
    await upEndsOnWanted();
    const then = "up: finished";
    await note({ host: "", verb: "(quorum)", fault: "killed", said: lastWords(check), then });
    await upChangesNothing();
  });
});

/** Until the timer of a stopped sentinel has started it, with everything else dead. */
async function sentinelReturns(host: Host): Promise<void> {
  await eventually(
    `the sentinel of ${host} has returned by itself`,
    sentinelReturn + 10,
    async () => {
      return (await meanwhileOn(host, "systemctl is-active redis-sentinel")) === "active";
    },
  );
}

// One chain: each run takes back the one before, passes the step that that one was killed at, and is killed itself at
// the next. The host of the chain's second half is whoever is master.
it("killed at the hard steps while they go on, and taken back by the next run", async () => {
  await recorded(async (note) => {
    const [old, other] = [wanted, wanted + 1];
    const lead = await master(dev);
    const replicas = hosts.filter((host) => host !== lead);
    const chain = [
      { value: other, host: replicas[0], verb: "node-roll", before: [] },
      { value: old, host: lead, verb: "node-roll", before: [] },
      { value: other, host: lead, verb: "node-roll-master", before: replicas },
    ];
    for (const { value, host, verb, before } of chain) {
      await want(value);
      const one = { host, verb, point: "before" } as const;
      await hold(one);
      const up = startUp(dev);
      await reached(up, one);
      for (const replica of before) await rolled(replica);
      // The plugin lives on, as it does where only the engine is killed, and so does the step.
      await kill(up, "the engine alone");
      await release(one);
      await unlock(dev);
      await writesGoOn();
      const then = "up: taken back";
      await note({ host, verb, fault: "engine killed, step goes on", said: lastWords(up), then });
    }
    await want(old);
    await upEndsOnWanted();
    await note({ host: "", verb: "", fault: "", said: "", then: "wanted state" });
    await upChangesNothing();
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
    const up = startUp(dev);
    for (const [i, one] of holds.entries()) {
      await reached(up, one);
      const fault = await failOver(dev, i % 3 === 1 ? "crash" : "stop");
      await note({ ...one, fault: `${one.point}: ${fault}`, said: "", then: "the run goes on" });
      await release(one);
    }
    await success(up);
    await upEndsOnWanted();
    await note({ host: "", verb: "", fault: "", said: lastWords(up), then: "up: wanted state" });
    await upChangesNothing();
  });
});

/** Nothing can be written where the daemons and the releases have their files. */
const fullDisk = {
  async begin(host: Host): Promise<void> {
    await meanwhile("disk", host, "/etc/redis-cluster", "40m");
    await meanwhileOn(host, "bash -c 'head -c 40m /dev/zero > /etc/redis-cluster/filler || true'");
  },
  async end(host: Host): Promise<void> {
    await meanwhileOn(host, "rm /etc/redis-cluster/filler");
  },
};

it("hosts that fail in the middle, replicas and the master", async () => {
  await want(900);
  await recorded(async (note) => {
    /** A run that comes to this step. */
    const upTo = async (one: Hold, running?: Up) => {
      await hold(one);
      const up = running ?? startUp(dev);
      return { up, ...(await reached(up, one)) };
    };
    const failed = async (up: Up) => expect(await up.ended).not.toBe(0);
    const again = "up: the next fault";

    // The first host's turn may not be over when the run is stopped at the first replica's.
    if ((await master(dev)) === hosts[0]) await failOver(dev, "stop");
    const old = await master(dev);
    const start = hosts[0];
    const begin = { host: start, verb: "node-roll", point: "before" } as const;
    const { up: cut } = await upTo(begin);
    await meanwhile("cut", old);
    await release(begin);
    await failed(cut);
    await meanwhile("heal", old);
    await linked(dev, old);
    await note({ ...begin, fault: "master unreachable", said: lastWords(cut), then: again });

    // The failover has made another host the master.
    const lead = await master(dev);
    const [first, second] = hosts.filter((host) => host !== lead);
    const roll = { host: first, verb: "node-roll", point: "before" } as const;
    const unheard = await upTo(roll);
    await meanwhileOn(first, `kill -KILL ${unheard.session}`);
    await failed(unheard.up);
    await release(roll);
    await note({ ...roll, fault: "replica: SSH cut", said: lastWords(unheard.up), then: again });

    const next = { host: second, verb: "node-roll", point: "before" } as const;
    const { up: full } = await upTo(next);
    const before = await identities(dev, "node");
    await fullDisk.begin(second);
    await release(next);
    await failed(full);
    expect(await identities(dev, "node")).toEqual(before);
    await fullDisk.end(second);
    await note({ ...next, fault: "replica: disk full", said: lastWords(full), then: again });

    const { up } = await upTo(next);
    // The step goes on while its host is away.
    await meanwhileOn(second, `systemd-run --quiet --on-active=1 rm ${fileOf(next)}`);
    await meanwhile("cut", second);
    await new Promise((resolve) => setTimeout(resolve, 8000));
    await meanwhile("heal", second);
    await note({ ...next, fault: "replica unreachable, 8 s", said: "", then: "the run goes on" });

    const last = { host: lead, verb: "node-roll-master", point: "before" } as const;
    await upTo(last, up);
    await fullDisk.begin(lead);
    await release(last);
    await failed(up);
    expect(await master(dev)).toBe(lead);
    await fullDisk.end(lead);
    await note({ ...last, fault: "master: disk full", said: lastWords(up), then: again });

    const handover = await upTo(last);
    await meanwhileOn(lead, `kill -KILL ${handover.session}`);
    await failed(handover.up);
    await release(last);
    await writesGoOn();
    await upEndsOnWanted();
    const then = "up: wanted state";
    await note({ ...last, fault: "master: SSH cut", said: lastWords(handover.up), then });
    await upChangesNothing();
  });
});

it("no sentinel was ever stopped for longer than its timer allows", async () => {
  for (const host of hosts) {
    const journal = await meanwhileOn(
      host,
      "journalctl -u redis-sentinel.service -o short-unix --no-pager",
    );
    const events = [...journal.matchAll(/^([\d.]+) .*: (Stopped|Started) /gm)].map(
      ([, at, what]) => ({ at: Number(at), what }),
    );
    const stopped = events.filter(({ what }) => what === "Stopped");
    expect(stopped.length).toBeGreaterThan(0);
    for (const { at } of stopped) {
      const back = events.find((event) => event.what === "Started" && event.at >= at);
      expect(back!.at - at).toBeLessThan(sentinelReturn + 20);
    }
  }
});
