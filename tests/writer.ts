import Redis from "ioredis";
import { randomBytes } from "crypto";
import { setTimeout as sleep } from "timers/promises";
import { parseArgs } from "util";

/**
 * A client that writes all the time, as an application would: it finds the master through the
 * sentinels, and afterwards reads back every write that was acknowledged.
 */

/** Between two writes, in ms: about 400 writes a second, and gaps seen to a few ms. */
const pause = 2;

/** A connection that does not answer for this long, in ms, is given up; longer than a handover's pause. */
const patience = 3000;

export interface WriterOptions {
  sentinels: { host: string; port: number }[];
  masterName: string;
  /** User and password of the application, the same on nodes and sentinels. */
  username: string;
  password: string;
  /** Whether it logs in at the sentinels too, or asks them without; default true. */
  sentinelLogin?: boolean;
  /** Unset: in plain text. PEM. */
  tls?: { ca: string; cert: string; key: string };
  /** Where to go instead of what the sentinels tell, by "host:port". */
  natMap?: Record<string, { host: string; port: number }>;
}

export interface WriterResult {
  acknowledged: number;
  /** Acknowledged writes that the last master does not have. */
  lost: number;
  /** Writes that were refused or not answered; the application was told so. */
  failed: number;
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
  /** Ends the writing, reads everything back, deletes it, and disconnects. Throws without a master for 60 s. */
  stop(): Promise<WriterResult>;
}

/** Starts to write; resolves at the first acknowledged write. Throws when there is none within 30 s. */
export async function startWriter(options: WriterOptions): Promise<Writer> {
  const redis = connect(options);
  const prefix = `writer:${randomBytes(4).toString("hex")}:`;
  const acknowledged: number[] = [];
  const gaps: WriterResult["gaps"] = [];
  let longestGap = 0;
  let failed = 0;
  let stopping = false;
  let started = 0;
  let last = 0;

  const note = (now: number) => {
    longestGap = Math.max(longestGap, now - last);
    if (now - last > 100) gaps.push({ at: (last - started) / 1000, length: (now - last) / 1000 });
    last = now;
  };
  const write = async (n: number): Promise<boolean> => {
    try {
      return (await redis.set(`${prefix}${n}`, n)) === "OK";
    } catch {
      return false;
    }
  };

  const deadline = performance.now() + 30_000;
  while (!(await write(0))) {
    if (performance.now() > deadline) {
      redis.disconnect();
      throw new Error(`no write was acknowledged within 30 s by a master of ${options.masterName}`);
    }
    await sleep(pause);
  }
  acknowledged.push(0);
  started = last = performance.now();

  const written = (async () => {
    for (let n = 1; !stopping; n++) {
      await sleep(pause);
      if (await write(n)) {
        acknowledged.push(n);
        note(performance.now());
      } else {
        failed += 1;
      }
    }
  })();

  const soFar = async (): Promise<WriterResult> => {
    const numbers = [...acknowledged];
    const lost = await readBack(redis, prefix, numbers);
    return {
      acknowledged: numbers.length,
      lost,
      failed,
      longestGap: longestGap / 1000,
      gaps: [...gaps],
    };
  };

  return {
    soFar,
    stop: async () => {
      note(performance.now());
      stopping = true;
      await written;
      try {
        const result = await soFar();
        await unlink(redis, prefix, acknowledged);
        return result;
      } finally {
        redis.disconnect();
      }
    },
  };
}

function connect(options: WriterOptions): Redis {
  const { sentinels, masterName, username, password, sentinelLogin = true, tls, natMap } = options;
  const redis = new Redis({
    sentinels,
    name: masterName,
    username,
    password,
    ...(sentinelLogin && { sentinelUsername: username, sentinelPassword: password }),
    ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    natMap,
    socketTimeout: patience,
    connectTimeout: 1000,
    sentinelCommandTimeout: 1000,
    sentinelRetryStrategy: () => 50,
    retryStrategy: () => 20,
    // A refused or interrupted write is told to the caller and not sent again behind its back.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  redis.on("error", () => undefined); // Each failed write says so itself.
  return redis;
}

/** How many of the numbers the master does not have. */
async function readBack(redis: Redis, prefix: string, numbers: number[]): Promise<number> {
  let lost = 0;
  for (let from = 0; from < numbers.length; from += 500) {
    const batch = numbers.slice(from, from + 500);
    const keys = batch.map((n) => `${prefix}${n}`);
    const values = await persistently(() => redis.mget(keys));
    lost += values.filter((value, i) => value !== String(batch[i])).length;
  }
  return lost;
}

async function unlink(redis: Redis, prefix: string, numbers: number[]): Promise<void> {
  for (let from = 0; from < numbers.length; from += 500) {
    const keys = numbers.slice(from, from + 500).map((n) => `${prefix}${n}`);
    await persistently(() => redis.unlink(keys));
  }
}

/** The answer, asked for again for up to 60 s. */
async function persistently<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

const usage = `usage: REDIS_PASSWORD=... writer --master-name NAME --sentinel HOST:PORT ... [--username NAME] --seconds N
Writes until N seconds have passed or SIGTERM comes, then prints what became of the writes.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sentinel: { type: "string", multiple: true, default: [] },
      "master-name": { type: "string", default: "" },
      username: { type: "string", default: "application" },
      seconds: { type: "string", default: "" },
    },
  });
  const seconds = Number(values.seconds);
  const password = process.env.REDIS_PASSWORD;
  if (!password || !values["master-name"] || values.sentinel.length === 0 || !(seconds > 0)) {
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
  });
  console.log(`writing, pid ${process.pid}`);
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    setTimeout(resolve, seconds * 1000).unref();
  });
  const result = await writer.stop();
  console.log(`acknowledged ${result.acknowledged}`);
  console.log(`lost ${result.lost}`);
  console.log(`failed ${result.failed}`);
  console.log(`longest gap ${result.longestGap.toFixed(3)} s`);
  for (const { at, length } of result.gaps) {
    console.log(`gap of ${length.toFixed(3)} s after ${at.toFixed(1)} s`);
  }
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
