import Redis from "ioredis";
import { Outcome, outcome } from "./connection";
import { Counter, Expiring, Group, Held, Library, List, Members } from "./held";
import { Kind, Tally } from "./tally";
import { Values } from "./values";

/** The writes whose shares can be set; SADD comes along with SPOP, BLPOP with LPUSH. */
export const shared = ["set", "multi", "eval", "fcall", "incr", "lpush", "spop", "expire"] as const;
export type Shares = Record<(typeof shared)[number], number>;

/** How many keys a transaction, script or function writes. */
const several = 3;
/** How many writes a counter and a list take before the next begins. */
const perCounter = 500;
const perList = 100;
/** Times to live, in s: one that outlasts the writer, one that it outlasts. */
const lifetimes = [3600, 2];

const script = "for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1]) end return #KEYS";

/** An application's writes, and what the group has to hold by them. */
export class Application {
  readonly tally = new Tally();
  /** Bytes of values of acknowledged writes. */
  bytes = 0;
  /** What was written and is not taken away yet, oldest first. */
  readonly held: Held[] = [];
  heldBytes = 0;
  /** What was not answered, and may be done late: it is not taken away. */
  readonly doubtful: Held[] = [];
  /** The last answer that was an error. */
  error = "none was sent";
  /** The numbers of groups that were refused. */
  private readonly refused = new Set<number>();
  readonly library: Library;
  private n = 0;
  private counter?: Counter;
  private list?: List;
  private members?: Members;
  private readonly unsettled = new Set<Held>();
  private loading = false;

  constructor(
    private readonly redis: Redis,
    private readonly consumer: Redis,
    readonly prefix: string,
    private readonly values: Values,
    private readonly acknowledged: () => void,
  ) {
    this.library = new Library(prefix.replaceAll(":", "_"));
  }

  /** One write of the kind, of `any` size or a small one; returns the bytes in it at once. Never rejects. */
  write(kind: keyof Shares, any = false): { bytes: number; done: Promise<unknown> } {
    const size = this.values.size(any);
    switch (kind) {
      case "incr":
        return { bytes: 0, done: this.incr() };
      case "lpush":
        return { bytes: size, done: this.lpush(size) };
      case "spop":
        return { bytes: 0, done: this.spop() };
      case "expire":
        return { bytes: size, done: this.expire(size) };
      case "set":
      case "multi":
      case "eval":
      case "fcall": {
        const count = kind === "set" ? 1 : several;
        return { bytes: count * size, done: this.group(kind, count, size) };
      }
    }
  }

  /** Closes what is written many times, and waits until all of it is answered or given up. */
  async settle(): Promise<void> {
    const open = [...this.unsettled];
    for (const each of [this.counter, this.list, this.members]) each?.close();
    while (open.some((each) => this.unsettled.has(each))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The oldest so many have been taken away. */
  taken(count: number): void {
    for (const { bytes } of this.held.splice(0, count)) this.heldBytes -= bytes;
  }

  /** Of keys that are there, those that should not be: taken away before, or refused. */
  strays(keys: string[]): Tally {
    const known = new Set([...this.held, ...this.doubtful].flatMap((held) => held.keys));
    const found = new Tally();
    for (const key of keys.filter((each) => !known.has(each))) {
      const [kind, n] = key.slice(this.prefix.length).split(":");
      if (this.refused.has(Number(n))) found.fault(kind as Kind, "wrong");
      else found.fault("unlink", "lost");
    }
    return found;
  }

  /** Loads the library; false when that was not acknowledged. */
  async load(): Promise<boolean> {
    const load = () => this.redis.call("FUNCTION", "LOAD", "REPLACE", this.library.code);
    return (await this.sent("function", load)).is === "acknowledged";
  }

  /** Pops half of what each list gets: while it is empty the consumer waits, and is served by the push itself. */
  async consume(going: () => boolean): Promise<void> {
    while (going()) {
      const { list } = this;
      if (!list?.open || list.pops >= perList / 2 || this.consumer.status !== "ready") {
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      await list.during(async () => {
        const pop = () => this.consumer.blpopBuffer(list.key, 0.3);
        const popped = await outcome(this.consumer, pop);
        if (popped.is === "acknowledged" && popped.value) {
          this.count("blpop", popped);
          list.pop(popped.value[1], this.tally);
        } else if (popped.is !== "acknowledged") {
          this.count("blpop", popped);
          if (popped.is === "doubtful") list.doubtPop();
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      });
    }
  }

  private count(kind: Kind, { is }: Outcome<unknown>, bytes = 0): void {
    this.tally.of[kind][is] += 1;
    if (is !== "acknowledged") return;
    this.bytes += bytes;
    this.acknowledged();
  }

  /** Sends it and counts what became of it; an answer that is not `right` says nothing. */
  private async sent<T>(
    kind: Kind,
    command: () => Promise<T>,
    bytes = 0,
    right: (answer: T) => boolean = () => true,
  ): Promise<Outcome<T>> {
    let result = await outcome(this.redis, command);
    if (result.is === "acknowledged" && !right(result.value)) {
      result = { is: "doubtful", error: new Error("an answer in part") };
    }
    this.count(kind, result, bytes);
    if (result.is !== "acknowledged") this.error = result.error.message;
    return result;
  }

  private hold(held: Held): void {
    if (held.doubtful) return void this.doubtful.push(held);
    this.heldBytes += held.bytes;
    this.held.push(held);
  }

  private async group(kind: "set" | "multi" | "eval" | "fcall", count: number, size: number) {
    const group = new Group(kind, this.prefix, (this.n += 1), size, count, this.values);
    const [keys, value] = [group.keys, group.value];
    const command = async (): Promise<unknown> => {
      switch (kind) {
        case "set":
          return (await this.redis.set(keys[0], value)) && 1;
        case "multi": {
          const transaction = this.redis.multi();
          for (const key of keys) transaction.set(key, value);
          return (await transaction.exec())?.filter(([error]) => !error).length;
        }
        case "eval":
          return this.redis.eval(script, count, ...keys, value);
        case "fcall":
          return this.redis.call("FCALL", [this.library.name, count, ...keys, value]);
      }
    };
    const { is, ...rest } = await this.sent(
      kind,
      command,
      count * size,
      (answer) => answer === count,
    );
    if (is === "refused") {
      this.refused.add(group.n);
      if ("error" in rest && rest.error.message.includes("Function not found")) this.reload();
      return;
    }
    group.doubtful = is === "doubtful";
    this.hold(group);
  }

  /** As an application does; without REPLACE a master that has it still says so. */
  private reload(): void {
    if (this.loading) return;
    this.loading = true;
    const load = () => this.redis.call("FUNCTION", "LOAD", this.library.code);
    void this.sent("function", load).then(({ is }) => {
      if (is === "acknowledged") this.tally.fault("function", "lost");
      this.loading = false;
    });
  }

  private async expire(size: number): Promise<void> {
    const n = (this.n += 1);
    const key = new Expiring("expire", this.prefix, n, size, 1, this.values);
    const [name] = key.keys;
    const { is } = await this.sent("set", () => this.redis.set(name, key.value), size);
    if (is === "refused") return void this.refused.add(n);
    key.set = is === "acknowledged";
    const lifetime = lifetimes[n % 2];
    key.from = Date.now() + lifetime * 1000;
    const expire = () => this.redis.expire(name, lifetime);
    const expiry = await this.sent("expire", expire, 0, (set) => set === 1 || !key.set);
    key.to = Date.now() + lifetime * 1000;
    if (expiry.is === "refused") key.from = key.to = Infinity;
    key.expires = key.set && expiry.is === "acknowledged";
    key.doubtful = is === "doubtful" || expiry.is === "doubtful";
    this.hold(key);
  }

  private open<T extends Held>(make: (key: string, settled: (held: Held) => void) => T): T {
    const made = make(`${this.prefix}shared:${(this.n += 1)}`, (held) => {
      this.unsettled.delete(held);
      this.hold(held);
    });
    this.unsettled.add(made);
    return made;
  }

  private async incr(): Promise<void> {
    if (!this.counter?.open) this.counter = this.open((...of) => new Counter(...of));
    const { counter } = this;
    await counter.during(async () => {
      const { is } = await this.sent("incr", () => this.redis.incr(counter.key));
      if (is === "acknowledged") counter.acknowledged += 1;
      if (is === "doubtful") {
        counter.doubts += 1;
        counter.doubt();
      }
      if (counter.acknowledged >= perCounter) counter.close();
    });
  }

  private async lpush(size: number): Promise<void> {
    if (!this.list?.open) this.list = this.open((...of) => new List(...of, this.values));
    const { list } = this;
    const n = (this.n += 1);
    await list.during(async () => {
      list.push(n, size);
      const push = () => this.redis.lpush(list.key, this.values.value(n, size));
      const { is } = await this.sent("lpush", push, size);
      list.pushed(n, is);
      if (list.pushes >= perList) list.close();
    });
  }

  private async spop(): Promise<void> {
    if (!this.members?.open) this.members = this.open((...of) => new Members(...of));
    const { members } = this;
    if (members.adding) return;
    await members.during(async () => {
      if (!members.added) {
        members.adding = true;
        const { is } = await this.sent("sadd", () => this.redis.sadd(members.key, members.all));
        members.adding = false;
        members.added = is === "acknowledged";
        if (is === "doubtful") members.doubt();
        return;
      }
      // By what is asked for, not by what is answered: many may be under way, and some members are to stay.
      members.asked += Members.batch;
      if (members.asked >= Members.count / 2) members.close();
      const pop = () => this.redis.spop(members.key, Members.batch);
      const popped = await this.sent("spop", pop);
      if (popped.is === "acknowledged") members.pop(popped.value, this.tally);
      if (popped.is === "doubtful") members.doubtPop();
    });
  }
}
