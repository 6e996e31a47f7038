import Redis from "ioredis";
import { setTimeout as sleep } from "timers/promises";

/** How the writer reaches the group: as an application does, through the sentinels. */
export interface Access {
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

/** A connection that does not answer for this long, in ms, is given up; longer than a handover's pause. */
const patience = 3000;

export function connect(access: Access): Redis {
  const { sentinels, masterName, username, password, sentinelLogin = true, tls, natMap } = access;
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
    // What is not sent at once is told so, what was interrupted is not sent again behind the caller's back.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  redis.on("error", () => undefined); // Each failed command says so itself.
  return redis;
}

/** What became of a command: `doubtful` is one that was sent and never answered; it may have been done. */
export type Outcome<T> =
  { is: "acknowledged"; value: T } | { is: "refused" | "doubtful"; error: Error };

/** Sends it, when the connection can take it. */
export async function outcome<T>(redis: Redis, command: () => Promise<T>): Promise<Outcome<T>> {
  // Before it is ready, ioredis sends some commands of a transaction and not the others.
  if (redis.status !== "ready") return { is: "refused", error: new Error("not connected") };
  try {
    return { is: "acknowledged", value: await command() };
  } catch (thrown) {
    const error = thrown as Error;
    // An error that Redis has answered with: it was not done.
    return { is: error.name === "ReplyError" ? "refused" : "doubtful", error };
  }
}

/** The answer, asked for again for up to 60 s. */
export async function persistently<T>(ask: () => Promise<T>): Promise<T> {
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
