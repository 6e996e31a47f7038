import { randomBytes } from "crypto";
import { setTimeout as sleep } from "timers/promises";
import { parseArgs } from "util";
import { Application, shared, Shares } from "./helpers/writer/application";
import { Access, connect } from "./helpers/writer/connection";
import { keysBy, parts, readBack, remove, takeAway } from "./helpers/writer/readBack";
import { Figures, figures, Kind, kinds, Tally } from "./helpers/writer/tally";
import { meanOfAll, Values } from "./helpers/writer/values";

/**
 * A client that writes all the time, as an application does: it finds the master through the sentinels, writes
 * by transactions, scripts, queues and counters, and reads back everything that was acknowledged. What was sent
 * and not answered may have been done or not; no later write hides which.
 */

/** How often it looks whether there is something to write, in ms; gaps are seen to a few ms. */
const pause = 2;
/** At most so many writes are unanswered at a time. */
const depth = 64;

export interface WriterOptions extends Access {
  /** How much of each kind, none of those left out; default: the same of all. */
  shares?: Partial<Shares>;
  /** At most so many writes a second; default 400, or as many as the bytes need. */
  writesPerSecond?: number;
  /** About so many bytes of values a second; default 400 kB. */
  bytesPerSecond?: number;
  /** When this much is held, in bytes, the oldest is read back and taken away; default 16 MB, or 6 s of writes. */
  heldBytes?: number;
}

export interface WriterResult extends Figures {
  /** Writes that were refused or not answered; the application was told so. */
  failed: number;
  kinds: Record<Kind, Figures>;
  /** Bytes of values of acknowledged writes, and seconds since the first. */
  bytes: number;
  seconds: number;
  /** The longest time without an acknowledged write, in seconds, from the first write to the end. */
  longestGap: number;
  /** Times without an acknowledged write of more than 0.1 s, in seconds; `at` counts from the first write. */
  gaps: { at: number; length: number }[];
}

/** A writer at work. */
export interface Writer {
  /**
   * What has become of the writes so far, each acknowledged one read back; a gap counts once it has ended.
   * Throws without a master for 60 s.
   */
  soFar(): Promise<WriterResult>;
  /** Ends the writing alone, once every write is answered or given up; what is written then stays for stop(). */
  rest(): Promise<void>;
  /** Ends the writing, reads everything back, deletes it, and disconnects, once. Throws without a master for 60 s. */
  stop(): Promise<WriterResult>;
}

/** Starts to write; resolves at the first acknowledged write. Throws when there is none within 30 s. */
export async function startWriter(options: WriterOptions): Promise<Writer> {
  const { bytesPerSecond = 400e3 } = options;
  const { writesPerSecond = Math.max(400, bytesPerSecond / meanOfAll) } = options;
  const { heldBytes = Math.max(16e6, 6 * bytesPerSecond) } = options;
  const shares = Object.fromEntries(
    shared.map((kind) => [kind, options.shares ? (options.shares[kind] ?? 0) : 1]),
  ) as Shares;
  const total = shared.reduce((sum, kind) => sum + shares[kind], 0);

  // One writes, one waits for work, and one reads, so that reading is no gap in the writing.
  const [redis, consumer, reader] = [connect(options), connect(options), connect(options)];
  const disconnect = () => [redis, consumer, reader].forEach((each) => each.disconnect());
  const gaps: WriterResult["gaps"] = [];
  let [started, last, longestGap] = [0, 0, 0];
  const note = () => {
    const now = performance.now();
    longestGap = Math.max(longestGap, now - last);
    if (now - last > 100) gaps.push({ at: (last - started) / 1000, length: (now - last) / 1000 });
    last = now;
  };
  const prefix = `writer:${randomBytes(4).toString("hex")}:`;
  const application = new Application(redis, consumer, prefix, new Values(), note);
  const { tally } = application;

  const first = async (acknowledged: () => Promise<boolean>): Promise<void> => {
    const deadline = performance.now() + 30_000;
    while (redis.status !== "ready" || !(await acknowledged())) {
      if (performance.now() > deadline) {
        disconnect();
        throw new Error(
          `no write was acknowledged within 30 s by a master of ${options.masterName}: ${application.error}`,
        );
      }
      await sleep(pause);
    }
  };
  await first(async () => {
    await application.write("set").done;
    return tally.of.set.acknowledged > 0;
  });
  if (shares.fcall) await first(() => application.load());
  started = last = performance.now();
  [longestGap, gaps.length] = [0, 0];

  let stopping = false;
  let taken = new Tally();
  /** One reads back at a time. */
  let reading: Promise<unknown> = Promise.resolve();
  const alone = <T>(what: () => Promise<T>): Promise<T> => {
    const mine = reading.then(what);
    reading = mine.catch(() => undefined);
    return mine;
  };

  const pick = (): keyof Shares => {
    let at = Math.random() * total;
    return shared.find((kind) => (at -= shares[kind]) < 0) ?? "set";
  };
  let flying = 0;
  const writing = (async () => {
    let [writes, bytes, before] = [0, 0, performance.now()];
    while (!stopping) {
      await sleep(pause);
      // After a time without writes nothing is made up for.
      const passed = Math.min(0.1, (performance.now() - before) / 1000);
      before = performance.now();
      writes = Math.min(writes + passed * writesPerSecond, writesPerSecond / 10);
      bytes = Math.min(bytes + passed * bytesPerSecond, bytesPerSecond / 10);
      const full = () => flying >= depth || application.heldBytes > 2 * heldBytes;
      while (writes >= 1 && redis.status === "ready" && !full()) {
        writes -= 1;
        flying += 1;
        const write = application.write(pick(), bytes > 0);
        bytes -= write.bytes;
        void write.done.finally(() => (flying -= 1));
      }
    }
    while (flying > 0) await sleep(pause);
  })();
  const consuming = application.consume(() => !stopping);
  const takeOldest = async (): Promise<void> => {
    const [oldest] = parts(application.held);
    if (!oldest) return;
    const found = await takeAway(reader, oldest);
    application.taken(oldest.length);
    taken = taken.plus(found);
  };
  const takingAway = (async () => {
    while (!stopping) {
      if (application.heldBytes <= heldBytes) await sleep(50);
      else await alone(takeOldest).catch(() => sleep(100));
    }
  })();

  const soFar = (): Promise<WriterResult> =>
    alone(async () => {
      await application.settle();
      const { bytes } = application;
      const [counts, before] = [tally.plus(taken), [...gaps]];
      const [seconds, longest] = [(last - started) / 1000, longestGap / 1000];
      const held = [...application.held, ...application.doubtful];
      if (shares.fcall) held.push(application.library);
      const all = counts.plus(await readBack(reader, held));
      const { totals } = all;
      return {
        ...totals,
        failed: totals.refused + totals.doubtful,
        kinds: all.of,
        bytes,
        seconds,
        longestGap: longest,
        gaps: before,
      };
    });

  const rest = async (): Promise<void> => {
    if (!stopping) note();
    stopping = true;
    await Promise.all([writing, consuming, takingAway]);
    await application.settle();
  };
  const end = async (): Promise<WriterResult> => {
    try {
      await rest();
      const keys = await keysBy(reader, prefix);
      taken = taken.plus(application.strays(keys));
      const result = await soFar();
      await remove(reader, keys);
      const { name } = application.library;
      // Not persistently: it may be lost.
      if (shares.fcall) await reader.call("FUNCTION", "DELETE", name).catch(() => undefined);
      return result;
    } finally {
      disconnect();
    }
  };
  let ended: Promise<WriterResult> | undefined;
  return { soFar, rest, stop: () => (ended ??= end()) };
}

/** What became of the writes, in lines, the last ones by kind. */
export function summary(result: WriterResult): string[] {
  const { bytes, seconds } = result;
  return [
    ...figures.map((what) => `${what} ${result[what]}`),
    `failed ${result.failed}`,
    `wrote ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s`,
    `longest gap ${result.longestGap.toFixed(3)} s`,
    ...result.gaps
      .filter(({ length }) => length > 1)
      .map(({ at, length }) => `gap of ${length.toFixed(3)} s after ${at.toFixed(1)} s`),
    ...kinds
      .map((kind) => [kind, figures.filter((what) => result.kinds[kind][what] > 0)] as const)
      .filter(([, seen]) => seen.length > 0)
      .map(
        ([kind, seen]) =>
          `${kind}: ${seen.map((what) => `${result.kinds[kind][what]} ${what}`).join(", ")}`,
      ),
  ];
}

const usage = `usage: REDIS_PASSWORD=... writer --master-name NAME --sentinel HOST:PORT ... [--username NAME] --seconds N
  [--bytes-per-second N] [--writes-per-second N] [--shares KIND=N,...]
Writes until N seconds have passed or SIGTERM comes, then prints what became of the writes. Kinds are
${shared.join(", ")}; without shares it writes the same of all.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sentinel: { type: "string", multiple: true, default: [] },
      "master-name": { type: "string", default: "" },
      username: { type: "string", default: "application" },
      seconds: { type: "string", default: "" },
      "bytes-per-second": { type: "string" },
      "writes-per-second": { type: "string" },
      shares: { type: "string", default: "" },
    },
  });
  const positive = (text?: string) => (text === undefined ? undefined : Number(text));
  const seconds = Number(values.seconds);
  const rates = {
    bytesPerSecond: positive(values["bytes-per-second"]),
    writesPerSecond: positive(values["writes-per-second"]),
  };
  const shares = Object.fromEntries(
    values.shares
      .split(",")
      .filter(Boolean)
      .map((share) => share.split("=") as [string, string])
      .map(([kind, share]) => [kind, Number(share)]),
  );
  const password = process.env.REDIS_PASSWORD;
  const known = Object.entries(shares).every(
    ([kind, share]) => shared.includes(kind as keyof Shares) && share > 0,
  );
  const rated = Object.values(rates).every((rate) => rate === undefined || rate > 0);
  const complete = password && values["master-name"] && values.sentinel.length > 0 && seconds > 0;
  if (!complete || !known || !rated) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  const writer = await startWriter({
    sentinels: values.sentinel.map((endpoint) => {
      const [host, port] = endpoint.split(":");
      return { host, port: Number(port) };
    }),
    masterName: values["master-name"],
    username: values.username,
    password,
    ...(values.shares && { shares }),
    ...rates,
  });
  console.log(`writing, pid ${process.pid}`);
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    setTimeout(resolve, seconds * 1000).unref();
  });
  console.log(summary(await writer.stop()).join("\n"));
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
