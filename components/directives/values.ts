/** The types of values, each checked and written as the configuration file has it. */
import { isIPv4 } from "net";

/** A map of the configuration. */
export type Fields = Record<string, unknown>;

export const isMap = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export interface ValueType {
  /** What a value must be, for error messages and docs. */
  expected: string;
  /** The value as the configuration file writes it; undefined when it is not of this type. */
  parse(value: unknown): string | undefined;
}

// Bounds are those of Redis 7.0.15 (config.c); a few are tighter, with a note.
const maxInt = 2 ** 31 - 1;
export const maxLong = Number.MAX_SAFE_INTEGER;

const asText = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" ? String(value).trim() : undefined;

export const matching = (expected: string, pattern: RegExp): ValueType => ({
  expected,
  parse: (value) => {
    const text = asText(value);
    return text !== undefined && pattern.test(text) ? text : undefined;
  },
});

export const integer = (min: number, max: number = maxInt): ValueType => ({
  expected: max >= maxInt ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`,
  parse: (value) => {
    const text = asText(value);
    if (text === undefined || !/^-?\d{1,16}$/.test(text)) {
      return undefined;
    }
    const number = Number(text);
    return number >= min && number <= max ? String(number) : undefined;
  },
});

const units: Record<string, number> = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: 2 ** 10,
  m: 1e6,
  mb: 2 ** 20,
  g: 1e9,
  gb: 2 ** 30,
};

/** The bytes that a value as 64mb means; NaN where it is none. */
export function inBytes(text: string): number {
  const [, number, unit] = /^(\d{1,16})([kmg]?b?)$/.exec(text) ?? [];
  return Number(number) * units[unit];
}

export const bytes = (min = 0, max: number = maxLong): ValueType => ({
  expected:
    "bytes, as 1048576, 64mb or 2gb" +
    (min > 0 ? `, at least ${min}` : "") +
    (max < maxLong ? `, at most ${max}` : ""),
  parse: (value) => {
    const text = asText(value)?.toLowerCase();
    const size = inBytes(text ?? "");
    return size >= min && size <= max ? text : undefined;
  },
});

// YAML's own true and false mean yes and no.
const spoken = (value: unknown): unknown =>
  typeof value === "boolean" ? (value ? "yes" : "no") : value;

export const oneOf = (...values: string[]): ValueType => ({
  expected: `one of ${values.join(", ")}`,
  parse: (value) => {
    const text = asText(spoken(value))?.toLowerCase();
    return text !== undefined && values.includes(text) ? text : undefined;
  },
});

export const boolean: ValueType = { ...oneOf("yes", "no"), expected: "yes or no" };

export const words = (value: unknown): string[] | undefined => {
  const parts = Array.isArray(value) ? value.map(asText) : [asText(value)];
  return parts.every((part) => part !== undefined)
    ? parts.join(" ").split(/\s+/).filter(Boolean)
    : undefined;
};

/** A list of words, or one string of them; `check` sees at least one word unless `empty` is given. */
export const wordList = (
  expected: string,
  check: (list: string[]) => boolean,
  empty?: string,
): ValueType => ({
  expected,
  parse: (value) => {
    const list = words(value);
    // The quotes of the configuration file's own way to write an empty value.
    if (list && (list.length === 0 || list.join("") === '""')) {
      return empty;
    }
    return list && check(list) ? list.join(" ") : undefined;
  },
});

export const quoted = (expected: string, pattern: RegExp): ValueType => ({
  expected,
  parse: (value) => {
    const text = asText(value)?.replace(/^"(.*)"$/, "$1");
    return text !== undefined && pattern.test(text)
      ? /^[\w./:-]+$/.test(text)
        ? text
        : `"${text}"`
      : undefined;
  },
});

export const every = (list: string[], pattern: RegExp): boolean =>
  list.every((word) => pattern.test(word));

export const savePoints = wordList(
  'pairs of seconds and changes, as "3600 1 300 100", or "" for none',
  (list) => list.length % 2 === 0 && every(list, /^[1-9]\d{0,9}$/),
  '""',
);

const bufferDefaults = { normal: "0 0 0", replica: "256mb 64mb 60", pubsub: "32mb 8mb 60" };

export const bufferLimits: ValueType = {
  expected:
    "lines of class (normal, replica, pubsub), hard limit, soft limit and seconds, as replica 256mb 64mb 60",
  parse: (value) => {
    const list = words(value);
    if (!list || list.length === 0 || list.length % 4 !== 0) {
      return undefined;
    }
    const limits: Record<string, string> = { ...bufferDefaults };
    for (let i = 0; i < list.length; i += 4) {
      const [hard, soft] = [bytes().parse(list[i + 1]), bytes().parse(list[i + 2])];
      const seconds = integer(0).parse(list[i + 3]);
      if (!(list[i] in bufferDefaults) || !hard || !soft || !seconds) {
        return undefined;
      }
      limits[list[i]] = `${hard} ${soft} ${seconds}`;
    }
    // Classes not named keep their default, and the order is always the same.
    return Object.entries(limits)
      .map(([name, limit]) => `${name} ${limit}`)
      .join(" ");
  },
};

export const addresses = wordList("IPv4 addresses to listen on", (list) =>
  list.every((word) => isIPv4(word.replace(/^-/, ""))),
);

export const percentiles = wordList(
  "percentiles from 0 to 100",
  (list) => every(list, /^\d{1,3}(\.\d{1,6})?$/) && list.every((word) => Number(word) <= 100),
  '""',
);

export const shutdownFlags = wordList(
  "default, or any of save, nosave, now, force (not both save and nosave)",
  (list) =>
    list.join(" ") === "default" ||
    (every(list, /^(save|nosave|now|force)$/) &&
      !(list.includes("save") && list.includes("nosave"))),
);

// A number would not do: YAML reads 0770 as 504.
export const octal: ValueType = {
  expected: 'an octal mode in quotes, as "770"',
  parse: (value) => (typeof value === "string" && /^[0-7]{1,4}$/.test(value) ? value : undefined),
};
export const fileName = quoted(
  "a file name of letters, digits, dot, dash and underscore",
  /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/,
);
export const cpuList = quoted('CPUs as "0-3,5", or "" for all', /^([0-9,:-]*)$/);
export const percentOrBytes: ValueType = {
  expected: `${bytes().expected}, or a part of maxmemory as 5%`,
  parse: (value) => bytes().parse(value) ?? matching("", /^([1-9]\d?|100)%$/).parse(value),
};
