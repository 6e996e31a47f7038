/** From which legacy Redis the group takes its data over, and how far. */
import type { Checker } from "./checker";
import { show } from "./problem";
import { HostConfig, Migration, migrationStages } from "./topology";

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

export function readMigration(
  check: Checker,
  hosts: HostConfig[],
  nodePorts: (number | undefined)[],
): Migration | undefined {
  const value = check.optional("migrateFrom");
  const stage = migrationStages.find((each) => each === (check.raw.migrate || "follow"));
  if (!stage) {
    check.problem("migrate", show(check.raw.migrate), `one of ${migrationStages.join(", ")}`);
  }
  if (JSON.stringify(value) === "{}") {
    for (const key of ["migrate", "migratePassword"]) {
      if (check.raw[key]) check.problem(key, "is set without migrateFrom", "both, or neither");
    }
    return undefined;
  }
  const fields = check.fields(value, "migrateFrom", ["address", "port", "user"]) ?? {};
  const address = check.text(fields.address, "migrateFrom.address", ipv4, "an IPv4 address");
  const { port = 6379 } = fields;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65535) {
    check.problem("migrateFrom.port", show(port), "a port from 1 to 65535");
  } else if (nodePorts.includes(port) && hosts.some((host) => host.address === address)) {
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
  return { address, port: Number(port), user, stage: stage ?? "follow" };
}
