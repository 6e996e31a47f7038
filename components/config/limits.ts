/** How long the program waits. */
import type { Checker } from "./checker";
import { show } from "./problem";
import type { Limits } from "./topology";

export function readLimits(check: Checker): Limits {
  const ranges = { stall: [60, 10, 3600], step: [3600, 900, 86400], pause: [10, 1, 60] };
  const value = check.optional("limits");
  const fields = check.fields(value, "limits", Object.keys(ranges)) ?? {};
  const limit = (name: keyof typeof ranges): number => {
    const [preset, least, most] = ranges[name];
    const text = JSON.stringify(fields[name] ?? preset);
    const seconds = /^"?\d{1,5}"?$/.test(text) ? Number(JSON.parse(text)) : 0;
    if (seconds < least || seconds > most) {
      check.problem(`limits.${name}`, show(fields[name]), `from ${least} to ${most} seconds`);
    }
    return seconds;
  };
  return { stall: limit("stall"), step: limit("step"), pause: limit("pause") };
}
