/** A daemon's settings: overrides checked by the tables in directives/, which templates and documentation come from too. */
import { Problem, show } from "../config/problem";
import { under } from "../config/path";
import type { Daemon, Directive, Place, Settings } from "./directive";
import { nodeDirectives } from "./node";
import { sentinelDirectives } from "./sentinel";
import { isMap } from "./values";

/** The directives of one daemon. */
export function directives(daemon: Daemon): Directive[] {
  return daemon === "node" ? nodeDirectives : sentinelDirectives;
}

/**
 * Checks a map of overrides as it stands in the stack's configuration.
 * Returns the accepted values as the configuration file writes them, and what is wrong with the others.
 * `key` is where the map stands, for the problems.
 */
export function parseSettings(
  daemon: Daemon,
  overrides: unknown,
  key: string,
): { settings: Settings; problems: Problem[] } {
  const settings: Settings = {};
  const problems: Problem[] = [];
  if (!isMap(overrides)) {
    return {
      settings,
      problems: [{ key, seen: show(overrides), expected: "a map of directives" }],
    };
  }
  for (const [name, value] of Object.entries(overrides)) {
    const directive = directives(daemon).find((one) => one.name === name);
    const problem = (seen: string, expected: string): void => {
      problems.push({ key: under(key, name), seen, expected });
    };
    if (!directive) {
      const near = nearest(name, daemon);
      problem(
        "is unknown",
        `a ${daemon === "node" ? "Redis" : "Sentinel"} directive, of 7.0 or 8.0, by its current name` +
          (near ? `; did you mean ${near}?` : ""),
      );
    } else if (!directive.type) {
      problem("is set by this program", `no override (${directive.note})`);
    } else if (hasControlCharacter(value)) {
      problem("contains a line break or a control character", directive.type.expected);
    } else {
      const parsed = directive.type.parse(value);
      if (parsed === undefined) {
        problem(show(value), directive.type.expected);
      } else {
        settings[name] = parsed;
      }
    }
  }
  return { settings, problems };
}

/**
 * Every directive that a host's file gets, in the table's order: the defaults with the overrides on top.
 * Defaults are written out too, so that taking an override away is a change like any other.
 */
export function effectiveSettings(daemon: Daemon, place: Place, overrides: Settings): Settings {
  const settings: Settings = {};
  for (const { name, default: value } of directives(daemon)) {
    const text = overrides[name] ?? (typeof value === "function" ? value(place, overrides) : value);
    if (text !== undefined) {
      settings[name] = text;
    }
  }
  return settings;
}

function hasControlCharacter(value: unknown): boolean {
  return [value].flat().some((part) => typeof part === "string" && /\p{Cc}/u.test(part));
}

/** The directive that was probably meant: by its older name, or up to three typing errors away. */
function nearest(name: string, daemon: Daemon): string | undefined {
  const current =
    name === "lua-time-limit"
      ? "busy-reply-threshold"
      : name
          .toLowerCase()
          .replaceAll("_", "-")
          .replace(/slave/, "replica")
          .replace("ziplist", "listpack");
  const [best] = directives(daemon)
    .map((directive) => ({ name: directive.name, distance: distance(current, directive.name) }))
    .sort((a, b) => a.distance - b.distance);
  return best.distance <= 3 ? best.name : undefined;
}

/** Levenshtein distance: how many letters to insert, drop or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(
        Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    }
    row = next;
  }
  return row[b.length];
}

/** The settings of a node that hold its data together: what the group was created with stays. */
export function creationSettings(settings: Settings): Settings {
  const names = directives("node")
    .filter(({ name, class: kind }) => kind === "fixed" || name === "databases")
    .map(({ name }) => name);
  return Object.fromEntries(
    names.filter((name) => name in settings).map((name) => [name, settings[name]]),
  );
}
