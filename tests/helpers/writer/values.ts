import { randomBytes } from "crypto";

const smallest = 16;
const largest = 1 << 16;
/** What a writer that has written enough bytes for the time being keeps to. */
const small = 128;

/** The mean of sizes from 16 bytes to 64 KiB that are spread evenly over their logarithm. */
export const meanOfAll = (largest - smallest) / Math.log(largest / smallest);

/** Values that are told again from a number and a size instead of being kept. */
export class Values {
  private readonly pool = randomBytes(2 * largest);

  /** From 16 bytes to 64 KiB, or a small one. */
  size(any: boolean): number {
    return Math.round(smallest * ((any ? largest : small) / smallest) ** Math.random());
  }

  value(n: number, size: number): Buffer {
    const head = Buffer.from(`${n}:`);
    const from = (n * 7919) % largest;
    return Buffer.concat([head, this.pool.subarray(from, from + size - head.length)]);
  }

  /** The number that a value was made of. */
  static number(value: Buffer): number {
    return Number(value.toString("latin1", 0, Math.max(0, value.indexOf(":"))) || NaN);
  }
}
