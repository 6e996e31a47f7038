/** From which legacy Redis the group takes its data over, and how far. */
import { isIPv4 } from "net";
import type { Checker } from "./checker";
import { show } from "./problem";
import { HostConfig, Migration, migrationStages } from "./topology";

export function readMigration(
  check: Checker,
  hosts: HostConfig[],
  nodePorts: (number | undefined)[],
): Migration | undefined {
  const value = check.wanted("migrateFrom");
  const stage = migrationStages.find((each) => each === (check.raw.migrate || "follow"));
  if (!stage) {
    check.problem("migrate", show(check.raw.migrate), `one of ${migrationStages.join(", ")}`);
  }
  if (value === undefined) {
    for (const key of ["migrate", "migratePassword"]) {
      if (check.raw[key]) check.problem(key, "is set without migrateFrom", "both, or neither");
    }
    return undefined;
  }
  const fields = check.fields(value, "migrateFrom", ["address", "port", "user"]) ?? {};
  const address = typeof fields.address === "string" ? fields.address : "";
  if (!isIPv4(address)) {
    check.problem("migrateFrom.address", show(fields.address), "an IPv4 address");
  }
  const port = check.anyPort(fields.port, "migrateFrom.port", 6379);
  if (nodePorts.includes(port) && hosts.some((host) => host.address === address)) {
    check.problem(
      "migrateFrom",
      `is ${address}:${port}, a node of this group`,
      "a Redis beside it",
    );
  }
  const named = "the name of a user, of visible ASCII characters";
  const user = check.text(fields.user ?? "", "migrateFrom.user", /^[!-~]*$/, named);
  if (user && !check.raw.migratePassword) {
    check.problem("migratePassword", "is missing", "the password of migrateFrom.user, a secret");
  }
  return { address, port, user, stage: stage ?? "follow" };
}
