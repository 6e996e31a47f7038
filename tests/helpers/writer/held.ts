import { ChainableCommander } from "ioredis";
import { Kind, Tally } from "./tally";
import { Values } from "./values";

/** What the group holds by writes that have been answered or given up, and how to tell whether it is right. */
export interface Held {
  /** What it takes in memory, about. */
  readonly bytes: number;
  /** Some of it may have been done or not, and may be done late: it is not taken away before the end. */
  readonly doubtful: boolean;
  readonly keys: string[];
  /** Adds `looks` questions. */
  look(questions: ChainableCommander): void;
  readonly looks: number;
  /** Counts what is wrong; returns how many keys there must be now. `asked` is when, by Date.now(). */
  judge(answers: unknown[], asked: number, tally: Tally): number;
}

/** What a key costs beside its value, about. */
const overhead = 100;

/** Keys that one write has set to the same value. */
export class Group implements Held {
  readonly looks: number = 1;
  doubtful = false;

  constructor(
    readonly kind: Kind,
    private readonly prefix: string,
    readonly n: number,
    readonly size: number,
    private readonly count: number,
    private readonly values: Values,
  ) {}

  get keys(): string[] {
    return Array.from(
      { length: this.count },
      (_, i) => `${this.prefix}${this.kind}:${this.n}:${i}`,
    );
  }

  get bytes(): number {
    return this.count * (this.size + overhead);
  }

  get value(): Buffer {
    return this.values.value(this.n, this.size);
  }

  look(questions: ChainableCommander): void {
    questions.mgetBuffer(this.keys);
  }

  judge([found]: unknown[], _asked: number, tally: Tally): number {
    const there = (found as (Buffer | null)[]).filter((value) => value !== null);
    const { value } = this;
    if (there.some((each) => !each.equals(value))) tally.fault(this.kind, "wrong");
    else if (there.length === 0 && !this.doubtful) tally.fault(this.kind, "lost");
    else if (there.length > 0 && there.length < this.count) tally.fault(this.kind, "torn");
    return there.length;
  }
}

/** Clocks of hosts, and the time that a question takes, may be apart by this, in ms. */
const tolerance = 5000;

/** A key that has got a time to live after it was set. */
export class Expiring extends Group {
  readonly looks = 2;
  /** Between these the expiry may be, by Date.now(); unset while the key has none. */
  from = Infinity;
  to = Infinity;
  /** Whether the SET itself was acknowledged, and the EXPIRE after it. */
  set = false;
  expires = false;

  look(questions: ChainableCommander): void {
    super.look(questions);
    questions.pttl(this.keys[0]);
  }

  judge(answers: unknown[], asked: number, tally: Tally): number {
    const now = Date.now();
    const [value] = answers[0] as (Buffer | null)[];
    const left = answers[1] as number;
    if (value && !value.equals(this.value)) tally.fault("expire", "wrong");
    else if (!value && this.set && now < this.from - tolerance / 10) tally.fault("expire", "lost");
    else if (value && this.expires && asked > this.to + tolerance / 10) {
      tally.fault("expire", "lost");
    } else if (value && left === -1 && this.expires) tally.fault("expire", "lost");
    else if (
      left >= 0 &&
      (left < this.from - now - tolerance || left > this.to - asked + tolerance)
    ) {
      tally.fault("expire", "wrong");
    }
    return value && now < this.from - tolerance ? 1 : 0;
  }
}

/** A key that is written many times, then closed and looked at. */
abstract class Shared implements Held {
  readonly looks = 1;
  private flying = 0;
  private closed = false;
  doubtful = false;
  bytes = overhead;

  constructor(
    readonly key: string,
    private readonly settled: (held: Held) => void,
  ) {}

  get keys(): string[] {
    return [this.key];
  }

  get open(): boolean {
    return !this.closed;
  }

  /** Runs a write on it. */
  async during<T>(write: () => Promise<T>): Promise<T> {
    this.flying += 1;
    try {
      return await write();
    } finally {
      this.flying -= 1;
      if (this.closed && this.flying === 0) this.settled(this);
    }
  }

  /** Nothing is written to it any more: a later write could hide what became of a doubtful one. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.flying === 0) this.settled(this);
  }

  doubt(): void {
    this.doubtful = true;
    this.close();
  }

  abstract look(questions: ChainableCommander): void;
  abstract judge(answers: unknown[], asked: number, tally: Tally): number;
}

export class Counter extends Shared {
  acknowledged = 0;
  doubts = 0;

  look(questions: ChainableCommander): void {
    questions.get(this.key);
  }

  judge([found]: unknown[], _asked: number, tally: Tally): number {
    const value = Number(found ?? 0);
    if (!(value <= this.acknowledged + this.doubts)) tally.fault("incr", "wrong");
    else if (value < this.acknowledged) tally.fault("incr", "lost", this.acknowledged - value);
    return found === null ? 0 : 1;
  }
}

/** A list that one pushes to and another pops from, as with a queue of work. */
export class List extends Shared {
  pushes = 0;
  /** Elements that nobody has popped: their sizes, and whether the push was acknowledged. */
  private readonly waiting = new Map<number, { size: number; acknowledged: boolean }>();
  private readonly popped = new Set<number>();
  private doubtfulPops = 0;

  constructor(
    key: string,
    settled: (held: Held) => void,
    private readonly values: Values,
  ) {
    super(key, settled);
  }

  get pops(): number {
    return this.popped.size;
  }

  /** Before it is sent: the consumer may have it before the producer has its answer. */
  push(n: number, size: number): void {
    this.pushes += 1;
    this.bytes += size;
    this.waiting.set(n, { size, acknowledged: false });
  }

  pushed(n: number, is: "acknowledged" | "refused" | "doubtful"): void {
    const element = this.waiting.get(n);
    if (element) element.acknowledged = is === "acknowledged";
    if (is === "refused") this.waiting.delete(n);
    if (is === "doubtful") this.doubt();
  }

  pop(value: Buffer, tally: Tally): void {
    const n = Values.number(value);
    const element = this.waiting.get(n);
    if (element && value.equals(this.values.value(n, element.size))) {
      this.waiting.delete(n);
      this.popped.add(n);
      this.bytes -= element.size;
    } else if (this.popped.has(n)) tally.fault("blpop", "lost");
    else tally.fault("lpush", "wrong");
  }

  doubtPop(): void {
    this.doubtfulPops += 1;
    this.doubt();
  }

  look(questions: ChainableCommander): void {
    questions.lrangeBuffer(this.key, 0, -1);
  }

  judge([found]: unknown[], _asked: number, tally: Tally): number {
    const elements = found as Buffer[];
    const seen = new Set<number>();
    for (const value of elements) {
      const n = Values.number(value);
      const element = this.waiting.get(n);
      if (this.popped.has(n)) tally.fault("blpop", "lost");
      else if (!element || seen.has(n) || !value.equals(this.values.value(n, element.size))) {
        tally.fault("lpush", "wrong");
      }
      seen.add(n);
    }
    const gone = [...this.waiting].filter(([n, { acknowledged }]) => acknowledged && !seen.has(n));
    tally.fault("lpush", "lost", Math.max(0, gone.length - this.doubtfulPops));
    return elements.length > 0 ? 1 : 0;
  }
}

/** A set that gets all its members by one command and loses some by each of others. */
export class Members extends Shared {
  static readonly count = 100;
  static readonly batch = 3;
  /** Whether the SADD was acknowledged. */
  added = false;
  /** Set while it waits to be. */
  adding = false;
  /** How many members it was asked for. */
  asked = 0;
  private readonly popped: string[][] = [];
  private doubtfulPops = 0;
  readonly all = Array.from({ length: Members.count }, (_, i) => `member:${i}:of:${this.key}`);

  pop(members: string[], tally: Tally): void {
    const before = new Set(this.popped.flat());
    if (members.some((member) => before.has(member))) tally.fault("spop", "lost");
    this.popped.push(members);
  }

  doubtPop(): void {
    this.doubtfulPops += 1;
    this.doubt();
  }

  look(questions: ChainableCommander): void {
    questions.smembers(this.key);
  }

  judge([found]: unknown[], _asked: number, tally: Tally): number {
    const there = new Set(found as string[]);
    const own = new Set(this.all);
    if ([...there].some((member) => !own.has(member))) tally.fault("sadd", "wrong");
    for (const batch of this.popped) {
      const back = batch.filter((member) => there.has(member)).length;
      if (back > 0) tally.fault("spop", back === batch.length ? "lost" : "torn");
    }
    const popped = new Set(this.popped.flat());
    const kept = this.all.filter((member) => !popped.has(member));
    const gone = kept.filter((member) => !there.has(member)).length;
    if (gone === kept.length) {
      if (this.added) tally.fault("sadd", "lost");
    } else if (!this.added && gone > 0) tally.fault("sadd", "torn");
    else if (gone > this.doubtfulPops * Members.batch) tally.fault("sadd", "torn");
    else if (gone % Members.batch !== 0) tally.fault("spop", "torn");
    return there.size > 0 ? 1 : 0;
  }
}

/** The library of functions. */
export class Library implements Held {
  readonly bytes = 0;
  readonly doubtful = false;
  readonly keys: string[] = [];
  readonly looks = 1;

  constructor(readonly name: string) {}

  get code(): string {
    return `#!lua name=${this.name}
redis.register_function('${this.name}', function(keys, args)
  for _, key in ipairs(keys) do redis.call('SET', key, args[1]) end
  return #keys
end)`;
  }

  look(questions: ChainableCommander): void {
    questions.call("FUNCTION", "LIST", "LIBRARYNAME", this.name);
  }

  judge([found]: unknown[], _asked: number, tally: Tally): number {
    if ((found as unknown[]).length !== 1) tally.fault("function", "lost");
    return 0;
  }
}
