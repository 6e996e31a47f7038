import { readFileSync } from "fs";
import { join } from "path";
import { fileURLToPath } from "url";
import {
  ask,
  changes,
  epoch,
  Host,
  hosts,
  identities,
  lab,
  losingNothing,
  masterName,
  namedMaster,
  on,
  openStack,
  Stack,
  untilWhole,
} from "../helpers/lab";

// What somebody changes by hand on a running group: `pulumi refresh` names it, `pulumi up` puts it right.

let dev: Stack;
let master: Host;
let replicas: Host[];

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.up();
});

const findings = (output: string) =>
  [...output.matchAll(/^ +((?:app-1|app-2|console) .*: wanted .*)$/gm)]
    .map(([, line]) => line)
    .sort();

/** What a refresh finds; the same, a line each, as the host programs themselves say. */
async function refreshed(): Promise<string[]> {
  const { stdout } = await dev.stack.refresh();
  const found = findings(stdout);
  const program = "/usr/local/lib/redis-cluster/redis-cluster drift";
  const told = hosts.flatMap((host) => on(host, program).split("\n").filter(Boolean));
  expect(found).toEqual(told.sort());
  return found;
}

const repaired = () => losingNothing(dev, () => dev.stack.up());

async function nothingLeft(): Promise<void> {
  expect(await refreshed()).toEqual([]);
  const { changeSummary } = await dev.stack.preview();
  expect(changes(changeSummary)).toEqual({});
}

const file = (name: string) => `/etc/redis-cluster/managed/staged/${name}`;
const node = (host: Host) => ({ host, daemon: "node" }) as const;
const sentinel = (host: Host) => ({ host, daemon: "sentinel" }) as const;

it("finds nothing on a group as it was deployed, also after a failover", async () => {
  await nothingLeft();
  await ask(dev, sentinel("app-1"), "SENTINEL", "FAILOVER", masterName);
  await untilWhole();
  master = (await namedMaster(dev)) as Host;
  replicas = hosts.filter((host) => host !== master);
  expect(master).not.toBe("console");
  await nothingLeft();
});

it("live class: settings, users, watched masters, files, a stopped and a disabled service", async () => {
  const [first, second] = replicas;
  await ask(dev, node(master), "CONFIG", "SET", "maxmemory", "100mb");
  await ask(dev, node(first), "CONFIG", "SET", "masterauth", "typed-by-hand");
  await ask(dev, node(first), "ACL", "SETUSER", "sentinel", "-config|rewrite");
  await ask(dev, sentinel(first), "SENTINEL", "SET", masterName, "down-after-milliseconds", "9000");
  await ask(dev, sentinel(first), "SENTINEL", "SET", masterName, "quorum", "3");
  await ask(dev, sentinel(second), "SENTINEL", "REMOVE", masterName);
  await ask(dev, sentinel(second), "SENTINEL", "MONITOR", masterName, "10.9.9.9", "6389", "2");
  await ask(dev, sentinel(second), "SENTINEL", "MONITOR", "other", "10.9.9.9", "6379", "1");
  const before = await identities(dev);
  on(first, "pkill -KILL -f '[k]eep-stamp'");
  on(master, "systemctl stop redis-sentinel");
  on(second, "systemctl disable redis-cluster");
  on(second, `sed -i 's/^hz 10$/hz 12/' ${file("redis.conf")}; echo more >>${file("secrets")}`);
  // A shorter queue than what listens asks for; of the rest a container may set nothing.
  on(first, "echo 100 >/proc/sys/net/core/somaxconn");
  on(second, "systemctl disable -q --now redis-cluster-kernel; rm /etc/logrotate.d/redis-cluster");
  // Installed since.
  on(second, "mkdir -p /etc/needrestart/conf.d");
  on(second, "echo '# edited' >>/usr/local/lib/redis-cluster/write-files");
  const found = await refreshed();
  expect(found).toEqual(
    [
      `${master} redis-sentinel.service: wanted active, seen inactive`,
      `${master} redis.maxmemory: wanted 0, seen 104857600`,
      `${first} kernel net.core.somaxconn: wanted at least 511, seen 100`,
      `${first} redis-cluster.service, its stamps: wanted once a second, seen none`,
      `${first} redis.acl.sentinel: wanted +config|rewrite, seen ""`,
      `${first} redis.masterauth: wanted the deployed password, seen another`,
      `${first} sentinel.down-after-milliseconds: wanted 6001, seen 9000`,
      `${first} sentinel.quorum: wanted 2, seen 3`,
      `${second} /etc/redis-cluster/managed/staged/redis.conf: wanted hz 10, seen hz 12`,
      `${second} /etc/redis-cluster/managed/staged/secrets: wanted as deployed, seen edited`,
      `${second} /usr/local/lib/redis-cluster/write-files: wanted as deployed, seen edited or missing`,
      `${second} redis-cluster-kernel.service: wanted active, seen inactive`,
      `${second} redis-cluster-kernel.service: wanted enabled, seen disabled`,
      `${second} /etc/logrotate.d/redis-cluster: wanted a file, seen none`,
      `${second} /etc/needrestart/conf.d/redis-cluster.conf: wanted a file, seen none`,
      `${second} redis-cluster.service: wanted enabled, seen disabled`,
      `${second} sentinel.auth-pass: wanted the deployed password, seen another`,
      `${second} sentinel.auth-user: wanted sentinel, seen 0`,
      `${second} sentinel.down-after-milliseconds: wanted 6001, seen 30000`,
      `${second} sentinel.failover-timeout: wanted 10000, seen 180000`,
      `${second} sentinel.master-reboot-down-after-period: wanted 6001, seen 0`,
      `${second} sentinel.monitor other: wanted no such master, seen monitored`,
      // The other sentinels' greetings have told it the master, and it remembers the stranger as a replica.
      `${second} sentinel.known-replica: wanted members alone, seen 10.9.9.9 6389`,
    ].sort(),
  );
  const preview = await dev.stack.preview({ diff: true });
  for (const line of found) expect(preview.stdout).toContain(JSON.stringify(line));
  await repaired();
  const after = await identities(dev);
  const restarted = Object.keys(before).filter((daemon) => before[daemon] !== after[daemon]);
  expect(restarted).toEqual([`${master} sentinel`]);
  expect(await epoch(dev)).toBe(1);
  await untilWhole();
  await nothingLeft();
  // What was there before comes back with the end of the unit, as at a destroy.
  const backlog = "cat /proc/sys/net/core/somaxconn";
  expect(on(first, `${backlog}; systemctl restart redis-cluster-kernel; ${backlog}`)).toBe(
    "511\n4096",
  );
});

it("restart class: a unit, a drop-in, an edited release; the master is not touched", async () => {
  const [first, second] = replicas;
  on(
    first,
    "sed -i 's/^TimeoutStopSec=.*/TimeoutStopSec=5/' /etc/systemd/system/redis-cluster.service",
  );
  on(second, "mkdir /etc/systemd/system/redis-sentinel.service.d");
  on(second, "echo '[Service]' >/etc/systemd/system/redis-sentinel.service.d/mine.conf");
  on(second, "echo tcp-backlog 77 >>/etc/redis-cluster/managed/current/redis.conf");
  on(second, "systemctl restart redis-cluster");
  await untilWhole();
  // As an upgrade of the library does. No setting tells it, so no refresh does; who looks by hand is told.
  on(second, "lib=$(ls /usr/lib/*/libssl.so.3); cp -p $lib $lib.new; mv $lib.new $lib");
  const looked = () => on(second, "/usr/local/lib/redis-cluster/redis-cluster gate 2>&1");
  for (const daemon of ["node", "sentinel"])
    expect(looked()).toContain(
      `${daemon} runs with libraries that were replaced since: libssl.so.3`,
    );
  const release = on(second, "readlink -f /etc/redis-cluster/managed/current");
  expect(await refreshed()).toEqual(
    [
      `${first} /etc/systemd/system/redis-cluster.service: wanted TimeoutStopSec=120, seen TimeoutStopSec=5`,
      `${second} /etc/systemd/system/redis-sentinel.service.d/mine.conf: wanted none, seen a file`,
      `${second} ${release}/redis.conf: wanted no such line, seen tcp-backlog 77`,
    ].sort(),
  );
  const before = await identities(dev);
  await repaired();
  const after = await identities(dev);
  const restarted = Object.keys(before).filter((daemon) => before[daemon] !== after[daemon]);
  expect(restarted).toEqual(
    expect.arrayContaining([`${first} node`, `${second} node`, `${second} sentinel`]),
  );
  expect(restarted).not.toContain(`${master} node`);
  expect(looked()).not.toContain("libraries");
  expect(await epoch(dev)).toBe(1);
  expect(await ask(dev, node(second), "CONFIG", "GET", "tcp-backlog")).toEqual([
    "tcp-backlog",
    "511",
  ]);
  await nothingLeft();
});

it("kernel settings: given back when the stack wants none, set again when it does; nothing restarts", async () => {
  const [first] = replicas;
  const seen = () =>
    on(first, "cat /proc/sys/net/core/somaxconn; systemctl is-active redis-cluster-kernel || :");
  const wanted = async (value: string) => {
    await dev.stack.setConfig("redis-cluster:kernelSettings", { value });
    await losingNothing(dev, () => dev.stack.up());
  };
  const before = await identities(dev);
  await wanted("false");
  expect(seen()).toBe("4096\ninactive");
  on(first, "echo 100 >/proc/sys/net/core/somaxconn");
  await nothingLeft();
  await wanted("true");
  expect(seen()).toBe("511\nactive");
  await wanted("false");
  expect(seen()).toBe("100\ninactive");
  on(first, "echo 4096 >/proc/sys/net/core/somaxconn");
  await wanted("true");
  expect(await identities(dev)).toEqual(before);
  await nothingLeft();
});

it("keeps every secret to itself", () => {
  const backend = fileURLToPath(process.env.PULUMI_BACKEND_URL ?? "");
  const state = readFileSync(join(backend, ".pulumi/stacks/redis-cluster/dev.json"), "utf8");
  for (const secret of [...Object.values(dev.passwords), dev.sshPrivateKey.trim(), "typed-by-hand"])
    expect(state).not.toContain(secret);
});
