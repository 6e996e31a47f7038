/** What a directive is, and how a table of them is written. */
import type { ValueType } from "./values";

/** The daemon that a directive is for. */
export type Daemon = "node" | "sentinel";

/**
 * How a change takes effect.
 * live: the running daemon takes it (CONFIG SET, SENTINEL SET). restart: at the daemon's next start.
 * fixed: only before the group is created, since a later change would lose data. owned: by this program; never set.
 */
export type SettingClass = "live" | "restart" | "fixed" | "owned";

/** Directive to value, as the configuration file writes it. */
export type Settings = Record<string, string>;

/** What a default may depend on. */
export interface Place {
  /** The host's. */
  address: string;
  /** How many replicas a master has to reach at least, so that no majority of sentinels is beside them. */
  leastReplicas: string;
}

export interface Directive {
  name: string;
  class: SettingClass;
  /** Absent for owned directives. */
  type?: ValueType;
  /** Value without an override; a function where it depends on the host, the group or other directives; absent: no line. */
  default?: string | ((place: Place, overrides: Settings) => string);
  /** The legacy group's value and why this default is another; only where they differ. */
  departure?: { from: string; reason: string };
  /** Written as `sentinel NAME VALUE` or, about the master that is watched, `sentinel NAME MASTER VALUE`. */
  about?: "sentinel" | "master";
  /** The first Redis that knows it, and the last in which it does anything, where that is not every one: "8.0". */
  since?: string;
  until?: string;
  /** What to know before setting it; for an owned directive what to do instead. */
  note?: string;
}

/** A note with the versions that know the directive. */
export const noteOf = ({ since, until, note }: Directive): string =>
  [since && `since Redis ${since}`, until && `does nothing after Redis ${until}`, note]
    .filter(Boolean)
    .join("; ");

export type Extra = Omit<Directive, "name" | "class" | "type" | "default">;

const define =
  (settingClass: SettingClass) =>
  (name: string, type: ValueType, value: Directive["default"], extra: Extra = {}): Directive => ({
    name,
    class: settingClass,
    type,
    default: value,
    ...extra,
  });
export const live = define("live");
export const restart = define("restart");
/**
 * Not every server would start on a line of it, so it has no default; and a start alone brings back the server's own
 * where an override is taken away.
 */
export const restartSince = (since: string, name: string, type: ValueType): Directive =>
  restart(name, type, undefined, { since });
export const fixed = define("fixed");
export const owned = (name: string, note: string): Directive => ({ name, class: "owned", note });
