import Redis from "ioredis";
import { setTimeout as sleep } from "timers/promises";
import { WriterOptions } from "../writer";

/** Between two rounds, in ms. */
const pause = 100;

/** A sentinel that takes longer than this, in ms, does not answer: far more than a busy machine costs. */
const patience = 2000;

/** Somebody who asks the sentinels all the time. */
export interface SentinelWatch {
  /** Ends the asking: how many rounds there were, and the fewest sentinels that answered in one. */
  stop(): Promise<{ rounds: number; fewest: number }>;
}

/**
 * Asks all sentinels who the master is, round after round, each time as a new client does: over a
 * connection of its own. A refusal to connect or an error is no answer.
 */
export function watchSentinels(options: WriterOptions): SentinelWatch {
  let stopping = false;
  const watched = (async () => {
    let fewest = options.sentinels.length;
    let rounds = 0;
    for (; !stopping; rounds++) {
      const answers = await Promise.all(
        options.sentinels.map((sentinel) => answersIn(options, sentinel)),
      );
      fewest = Math.min(fewest, answers.filter(Boolean).length);
      await sleep(pause);
    }
    return { rounds, fewest };
  })();
  return {
    stop: () => {
      stopping = true;
      return watched;
    },
  };
}

async function answersIn(
  { masterName, username, password }: WriterOptions,
  { host, port }: WriterOptions["sentinels"][number],
): Promise<boolean> {
  const redis = new Redis({
    host,
    port,
    username,
    password,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: patience,
    commandTimeout: patience,
  });
  redis.on("error", () => undefined); // The command fails with it.
  try {
    await redis.connect();
    return (await redis.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)) !== null;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}
