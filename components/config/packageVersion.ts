import type { Checker } from "./checker";
import { show } from "./problem";

/** As apt knows it; root on the hosts takes this form too, and nothing else. */
const form = /^(\d{1,3}:)?\d{1,4}\.\d{1,4}[0-9A-Za-z.+~-]{0,60}$/;

/** The version of the package redis-server that every host gets; undefined: the stack leaves it to the hosts. */
export function readPackageVersion(check: Checker): string | undefined {
  const version = check.raw.packageVersion;
  if (version === undefined || version === "") return undefined;
  if (form.test(version)) return version;
  check.problem(
    "packageVersion",
    show(version),
    'a version of redis-server as "apt-cache madison redis-server" tells it on a host, 5:7.0.15-1~deb12u7 say',
  );
  return undefined;
}
