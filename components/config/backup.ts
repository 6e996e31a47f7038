/** Who saves the group's data, and when. */
import { isMap } from "../directives/values";
import type { Checker } from "./checker";
import { show } from "./problem";
import type { HostConfig, TopologyConfig } from "./topology";

export function readBackup(
  check: Checker,
  hosts: HostConfig[],
  helper: boolean,
): TopologyConfig["backup"] {
  const value = check.optional("backup");
  if (isMap(value) && Object.keys(value).length === 0) {
    return undefined;
  }
  const fields = check.fields(value, "backup", ["hosts", "onCalendar", "keep"]) ?? {};
  const known = hosts.map(({ name }) => name);
  const saving = check.list(
    fields.hosts ?? [],
    "backup.hosts",
    [],
    /./,
    "a list of names of redis-cluster:hosts",
  );
  const strange = saving.filter((name) => !known.includes(name));
  if (known.length > 0 && (saving.length === 0 || strange.length > 0)) {
    check.problem(
      "backup.hosts",
      strange.length > 0 ? `has ${strange.join(", ")}` : "has no host",
      `at least one of ${known.join(", ")}; two, so that one of them is a replica after a failover`,
    );
  }
  const onCalendar = check.text(
    fields.onCalendar ?? "daily",
    "backup.onCalendar",
    /^[A-Za-z0-9*][A-Za-z0-9 *:,./~-]{0,99}$/,
    'when, as systemd.time(7) has it: "daily", "*-*-* 03:00:00"',
  );
  const keep = fields.keep ?? 7;
  if (typeof keep !== "number" || !Number.isInteger(keep) || keep < 1 || keep > 1000) {
    check.problem("backup.keep", show(keep), "how many backups each host keeps, from 1 to 1000");
  }
  if (helper) {
    check.problem(
      "backup",
      "is set while ssh.helper is true",
      "no backup there: the administrator's units have none",
    );
  }
  return { hosts: saving, onCalendar, keep: Number(keep) };
}
