/** The members, each with the settings of its daemons. */
import { isIPv4 } from "net";
import type { Daemon, Place, Settings } from "../directives/directive";
import { isMap } from "../directives/values";
import { effectiveSettings } from "../directives/settings";
import type { Checker } from "./checker";
import { under } from "./path";
import { show } from "./problem";
import { HostConfig, nodeHosts } from "./topology";

const hostName = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

export function readHosts(check: Checker, groupWide: Record<Daemon, Settings>): HostConfig[] {
  const value = check.json("hosts");
  if (!isMap(value) || Object.keys(value).length === 0) {
    check.problem(
      "hosts",
      show(value),
      "a map of at least three hosts, name to address and the rest",
    );
    return [];
  }
  const places = new Map<string, string>();
  const having = (...daemons: ("node" | "sentinel")[]) =>
    Object.values(value).filter(
      (host) => !isMap(host) || daemons.every((daemon) => host[daemon] !== false),
    ).length;
  const [count, sentinels] = [having("node"), having("sentinel")];
  // A master that is cut off from a majority of the sentinels and from a node to promote has at most as many nodes
  // beside it. Sentinels without a node leave it more of them.
  const away = Math.floor(sentinels / 2) + 1 - (sentinels - having("node", "sentinel"));
  const least = count - Math.max(1, away);
  const hosts = Object.entries(value).map(([name, host]) =>
    readHost(check, name, host, groupWide, String(least)),
  );
  for (const host of hosts) {
    for (const place of new Set([host.address, host.sshHost])) {
      const other = places.get(place);
      if (other !== undefined && place !== "") {
        check.problem(
          under("hosts", host.name),
          `is at ${place}, as ${other}`,
          "a host of its own",
        );
      }
      places.set(place, host.name);
    }
    if (!host.redis) continue;
    const replicas = Number(host.redis["min-replicas-to-write"]);
    if (replicas < least || replicas >= count) {
      check.problem(
        `${under("hosts", host.name)}.redis.min-replicas-to-write`,
        `is ${replicas}`,
        replicas < least
          ? `at least ${least}: a master cut off with fewer replicas would go on acknowledging what is thrown away once the other side, with a majority of the sentinels, has promoted another`
          : `at most ${count - 1}: a master of ${count} hosts has no more replicas, and would refuse every write`,
      );
    }
  }
  const nodes = nodeHosts(hosts);
  if (nodes.length < 2) {
    check.problem("hosts", `have ${nodes.length} nodes`, "at least two hosts with a node");
  } else if (nodes.filter(({ redis }) => redis["replica-priority"] !== "0").length < 2) {
    check.problem("redis.replica-priority", "is 0", "at least two hosts that may become master");
  }
  return hosts;
}

/** The hosts that are dead; a host is that or a member. */
export function readGone(check: Checker, hosts: HostConfig[]): string[] {
  const gone = check.list(
    check.raw.gone ? check.json("gone") : undefined,
    "gone",
    [],
    hostName,
    'a list of names of hosts, as ["app-2"]',
  );
  const members = hosts.map(({ name }) => name).filter((name) => gone.includes(name));
  if (members.length > 0) {
    check.problem(
      "gone",
      `has ${members.join(", ")}, as hosts has`,
      "a host in one of the two: take one that is dead out of hosts, and one that is a member again out of gone",
    );
  }
  return [...new Set(gone)].sort();
}

function readHost(
  check: Checker,
  name: string,
  value: unknown,
  groupWide: Record<Daemon, Settings>,
  leastReplicas: string,
): HostConfig {
  const key = under("hosts", name);
  const names = ["address", "sshHost", "hostKey", "node", "redis", "sentinel"];
  const fields = check.fields(value, key, names) ?? {};
  check.text(name, key, hostName, "a name of lower-case letters, digits, dots and dashes");
  const address = readAddress(check, fields.address, `${key}.address`);
  const sshHost =
    fields.sshHost === undefined ? address : check.machine(fields.sshHost, `${key}.sshHost`);
  for (const text of [name, sshHost]) {
    if (text.includes("backend-bastion")) {
      check.problem(key, show(text), "a member: a bastion never is one (see ssh.bastion)");
    }
  }
  const sentinel = fields.sentinel === true ? {} : (fields.sentinel ?? {});
  const node = check.flag(fields.node, `${key}.node`, true);
  if (!node && sentinel === false) {
    check.problem(key, "has neither node nor sentinel", "one of the two, or none of this host");
  }
  if (!node && fields.redis !== undefined) {
    check.problem(`${key}.redis`, "is set while node is false", "settings of nodes alone");
  }
  const place = { address, leastReplicas };
  return {
    name,
    address,
    sshHost,
    hostKey: check.hostKey(fields.hostKey, `${key}.hostKey`),
    ...(node && {
      redis: readSettings(check, "node", place, fields.redis ?? {}, `${key}.redis`, groupWide),
    }),
    ...(sentinel !== false && {
      sentinel: readSettings(check, "sentinel", place, sentinel, `${key}.sentinel`, groupWide),
    }),
  };
}

function readSettings(
  check: Checker,
  daemon: Daemon,
  place: Place,
  overrides: unknown,
  key: string,
  groupWide: Record<Daemon, Settings>,
): Settings {
  const own = check.settings(daemon, overrides, key);
  const { address } = place;
  const settings = effectiveSettings(daemon, place, { ...groupWide[daemon], ...own });
  const listens = settings.bind.split(" ");
  if (
    address &&
    !listens.includes("0.0.0.0") &&
    ![address, "127.0.0.1"].every((one) => listens.includes(one))
  ) {
    check.problem(`${key}.bind`, show(settings.bind), `0.0.0.0, or both ${address} and 127.0.0.1`);
  }
  return settings;
}

function readAddress(check: Checker, value: unknown, key: string): string {
  const [first] = typeof value === "string" && isIPv4(value) ? value.split(".").map(Number) : [0];
  // 0 is "this host", 127 loopback, 224 and above multicast and reserved.
  if (typeof value === "string" && first !== 0 && first !== 127 && first < 224) {
    return value;
  }
  check.problem(key, show(value), "the host's own IPv4 address, as the other hosts reach it");
  return "";
}
