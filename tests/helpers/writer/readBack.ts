import Redis from "ioredis";
import { outcome, persistently } from "./connection";
import { Held } from "./held";
import { Tally } from "./tally";

/** As much as one question asks for, in bytes and in writes. */
const atOnce = { bytes: 1 << 20, writes: 100 };

/** Parts of the list that are asked for together. */
export function* parts(held: Held[]): Generator<Held[]> {
  for (let from = 0, to = 0; from < held.length; from = to) {
    for (
      let bytes = 0;
      to < held.length && to - from < atOnce.writes && bytes < atOnce.bytes;
      to++
    ) {
      bytes += held[to].bytes;
    }
    yield held.slice(from, to);
  }
}

/** Looks once; returns what is wrong and how many of the keys there must be. Throws without an answer. */
async function look(redis: Redis, held: Held[]): Promise<{ found: Tally; there: number }> {
  const found = new Tally();
  if (held.length === 0) return { found, there: 0 };
  const asked = Date.now();
  const questions = redis.pipeline();
  for (const each of held) each.look(questions);
  const answers = (await questions.exec()) ?? [];
  const error = answers.find(([thrown]) => thrown)?.[0];
  if (error || answers.length === 0) throw error ?? new Error("no answer");
  let [at, there] = [0, 0];
  for (const each of held) {
    const own = answers.slice(at, (at += each.looks)).map(([, answer]) => answer);
    there += each.judge(own, asked, found);
  }
  return { found, there };
}

/** What is wrong with all of it. */
export async function readBack(redis: Redis, held: Held[]): Promise<Tally> {
  return persistently(async () => {
    let found = new Tally();
    for (const part of parts(held)) {
      found = found.plus((await persistently(() => look(redis, part))).found);
    }
    // What is read from a node that takes no writes says nothing of the group.
    await redis.unlink("writer:nothing");
    return found;
  });
}

/** Takes it away and returns what was wrong with it. Only what has nothing doubtful. */
export async function takeAway(redis: Redis, held: Held[]): Promise<Tally> {
  const keys = held.flatMap((each) => each.keys);
  let before: { found: Tally; there: number } | undefined;
  return persistently(async () => {
    let checked = false;
    if (!before) {
      before = await look(redis, held);
      checked = true;
    }
    const { found, there } = before;
    const taken = await outcome(redis, () => redis.unlink(keys));
    if (taken.is !== "acknowledged") {
      // Refused: it may have been no master that was read. Unanswered: what is gone may be gone by this.
      if (taken.is === "refused") before = undefined;
      throw taken.error;
    }
    if (checked && taken.value < there) found.fault("unlink", "lost", there - taken.value);
    found.of.unlink.acknowledged += 1;
    return found;
  });
}

/** The keys that are there by the prefix. */
export async function keysBy(redis: Redis, prefix: string): Promise<string[]> {
  return persistently(async () => {
    const all = new Set<string>();
    let cursor = "0";
    do {
      const [next, keys] = await redis.scan(cursor, "MATCH", `${prefix}*`, "COUNT", 1000);
      for (const key of keys) all.add(key);
      cursor = next;
    } while (cursor !== "0");
    return [...all];
  });
}

export async function remove(redis: Redis, keys: string[]): Promise<void> {
  for (let from = 0; from < keys.length; from += 500) {
    await persistently(() => redis.unlink(keys.slice(from, from + 500)));
  }
}
