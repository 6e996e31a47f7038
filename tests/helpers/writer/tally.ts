/** The kinds of write, by command. `sadd`, `blpop`, `unlink` and `function` come along with others. */
export const kinds = [
  "set",
  "multi",
  "eval",
  "fcall",
  "incr",
  "lpush",
  "blpop",
  "sadd",
  "spop",
  "expire",
  "unlink",
  "function",
] as const;
export type Kind = (typeof kinds)[number];

/** What was found wrong with writes of a kind. */
export interface Faults {
  /** Acknowledged writes that are not there, or are undone. */
  lost: number;
  /** Transactions, scripts and commands of which a part is there, acknowledged or not. */
  torn: number;
  /** Writes of which something is there that nobody wrote, or more than was written. */
  wrong: number;
}

export interface Figures extends Faults {
  acknowledged: number;
  /** Answered with an error, or not sent: not done. */
  refused: number;
  /** Sent and never answered: done or not, but not in part. */
  doubtful: number;
}

const zero: Figures = { acknowledged: 0, refused: 0, doubtful: 0, lost: 0, torn: 0, wrong: 0 };
export const figures = Object.keys(zero) as (keyof Figures)[];

/** Counts by kind. */
export class Tally {
  readonly of = Object.fromEntries(kinds.map((kind) => [kind, { ...zero }])) as Record<
    Kind,
    Figures
  >;

  fault(kind: Kind, what: keyof Faults, count = 1): void {
    this.of[kind][what] += count;
  }

  /** Both together. */
  plus(other: Tally): Tally {
    const sum = new Tally();
    for (const kind of kinds) {
      for (const what of figures) {
        sum.of[kind][what] = this.of[kind][what] + other.of[kind][what];
      }
    }
    return sum;
  }

  get totals(): Figures {
    const totals = { ...zero };
    for (const kind of kinds) for (const what of figures) totals[what] += this.of[kind][what];
    return totals;
  }
}
