/** Reads parts of a stack's configuration and collects what is wrong with them. */
import type { Daemon, Settings } from "../directives/directive";
import { Fields, isMap } from "../directives/values";
import { parseSettings } from "../directives/settings";
import { under } from "./path";
import { Problem, show } from "./problem";

const hostKeyLine = /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}( [^\n]*)?$/;

/** Reads one part of the configuration after the other and collects what is wrong. */
export class Checker {
  readonly problems: Problem[] = [];

  constructor(readonly raw: Record<string, string>) {}

  problem(key: string, seen: string, expected: string): void {
    this.problems.push({ key, seen, expected });
  }

  json(key: string): unknown {
    try {
      return JSON.parse(this.raw[key]) as unknown;
    } catch {
      return this.raw[key];
    }
  }

  /** The same of a key that need not be set: then an empty map. */
  optional(key: string): unknown {
    return this.raw[key] === undefined ? {} : this.json(key);
  }

  /** The same of a key whose map turns something on: undefined where it is not set, or empty. */
  wanted(key: string): unknown {
    const value = this.optional(key);
    return isMap(value) && Object.keys(value).length === 0 ? undefined : value;
  }

  integer(key: string, preset: number): number | undefined {
    const text = this.raw[key] ?? String(preset);
    if (/^\d{1,9}$/.test(text)) {
      return Number(text);
    }
    this.problem(key, show(text), "an integer");
    return undefined;
  }

  port(key: string, preset: number): number | undefined {
    return this.freePort(key, this.integer(key, preset));
  }

  freePort(key: string, port: number | undefined): number | undefined {
    if (port !== undefined && (port < 1024 || port > 65535 || port === 6379)) {
      this.problem(
        key,
        `is ${port}`,
        "a port from 1024 to 65535, and not 6379: that is the distribution's own Redis",
      );
    }
    return port;
  }

  settings(daemon: Daemon, overrides: unknown, key: string): Settings {
    const { settings, problems } = parseSettings(daemon, overrides, key);
    this.problems.push(...problems);
    return settings;
  }

  /** The fields of a map, each of a known name; undefined when it is no map. */
  fields(value: unknown, key: string, names: string[]): Fields | undefined {
    if (!isMap(value)) {
      this.problem(key, show(value), `a map with ${names.join(", ")}`);
      return undefined;
    }
    for (const name of Object.keys(value)) {
      if (!names.includes(name)) {
        this.problem(under(key, name), "is unknown", `one of ${names.join(", ")}`);
      }
    }
    return value;
  }

  text(value: unknown, key: string, pattern: RegExp, expected: string): string {
    if (typeof value === "string" && pattern.test(value)) {
      return value;
    }
    this.problem(key, show(value), expected);
    return "";
  }

  machine(value: unknown, key: string): string {
    return this.text(
      value,
      key,
      /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/,
      "a host name or an IPv4 address",
    );
  }

  /** A directory service has users with a realm: "deploy@corp.example.com". An address there is the host's. */
  user(value: unknown, key: string): string {
    return this.text(
      value,
      key,
      /^[A-Za-z_][A-Za-z0-9_.-]{0,63}(@(?![0-9.]+$)[A-Za-z0-9.-]{1,64})?$/,
      "the name of a user",
    );
  }

  anyPort(value: unknown, key: string, preset: number): number {
    const port = value ?? preset;
    if (typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65535) {
      return port;
    }
    this.problem(key, show(value), "a port from 1 to 65535");
    return 0;
  }

  hostKey(value: unknown, key: string): string {
    return this.text(
      value,
      key,
      hostKeyLine,
      '"ssh-ed25519 AAAA..."; run ops/host-keys, which prints the command that sets it (compare it on the host)',
    );
  }

  flag(value: unknown, key: string, preset = false): boolean {
    if (value === undefined || typeof value === "boolean") return value ?? preset;
    this.problem(key, show(value), "true or false");
    return preset;
  }

  list(value: unknown, key: string, preset: string[], each: RegExp, expected: string): string[] {
    if (value === undefined) {
      return preset;
    }
    const fits = (one: unknown): one is string => typeof one === "string" && each.test(one);
    if (Array.isArray(value) && value.every(fits)) {
      return value;
    }
    this.problem(key, show(value), expected);
    return [];
  }
}
