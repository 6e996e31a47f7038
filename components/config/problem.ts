/** What is wrong with a configuration, in words. */

/** Something wrong in the stack's configuration. */
export interface Problem {
  /** Below the namespace, as hosts.app-1.redis.hz. */
  key: string;
  seen: string;
  expected: string;
}

/** A value for an error message. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return `is ${text.length > 80 ? `${text.slice(0, 80)}...` : text}`;
}
