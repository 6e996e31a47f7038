/** Who reaches the ports. */
import { isIPv4 } from "net";
import type { Checker } from "./checker";
import type { TopologyConfig } from "./topology";

export function readFirewall(check: Checker): TopologyConfig["firewall"] {
  const value = check.wanted("firewall");
  if (value === undefined) return undefined;
  const network = /^(\d{1,3}\.){3}\d{1,3}(\/(\d|[12]\d|3[0-2]))?$/;
  const allow = check.list(
    check.fields(value, "firewall", ["allow"])?.allow,
    "firewall.allow",
    [],
    network,
    'a list of IPv4 networks as "10.78.0.0/16"',
  );
  for (const each of allow.filter((one) => !isIPv4(one.split("/")[0]))) {
    check.problem("firewall.allow", `has ${each}`, "IPv4 networks");
  }
  return { allow };
}
