/** Who reaches the ports. */
import { isIPv4 } from "net";
import { isMap } from "../directives/values";
import type { Checker } from "./checker";
import type { TopologyConfig } from "./topology";

export function readFirewall(check: Checker): TopologyConfig["firewall"] {
  const value = check.optional("firewall");
  if (isMap(value) && Object.keys(value).length === 0) {
    return undefined;
  }
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
