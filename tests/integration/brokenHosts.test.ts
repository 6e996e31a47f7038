import {
  address,
  ask,
  changes,
  failedUp,
  hosts,
  killedUp,
  lab,
  losingNothing,
  namedMaster,
  on,
  openStack,
  Stack,
  untilWhole,
} from "../helpers/lab";
import { sshKey } from "../helpers/sshKey";

// A first deployment that something stands in the way of: one clear error, nothing lost, and the next
// `up` finishes what is owed.

let dev: Stack;

const hostKey = (host: string) => `redis-cluster:hosts.${host}.hostKey`;
const wipedAnew = async (host: string) => {
  lab("wipe", host);
  dev = await openStack("dev");
};

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.workspace.removeStack("dev", { force: true, preserveConfig: true });
  await dev.stack.workspace.createStack("dev");
});

it("names a host that does not answer", async () => {
  lab("cut", "app-2");
  try {
    expect(await failedUp(dev)).toMatch(new RegExp(`app-2-check[^]*${address("app-2")}:22`));
  } finally {
    lab("heal", "app-2");
  }
});

it("says that an sshd forbids what the check at the end needs, before a host is changed", async () => {
  const setting = "/etc/ssh/sshd_config.d/strict.conf";
  on("app-2", `echo DisableForwarding yes >${setting} && systemctl reload ssh`);
  const said = await failedUp(dev);
  on("app-2", `rm ${setting} && systemctl reload ssh`);
  expect(said).toMatch(
    /from app-2 to \S+: its sshd forbids forwarding; expected [^]*Nothing was changed/,
  );
  for (const host of hosts) expect(on(host, "ls /usr/local/lib")).not.toContain("redis-cluster");
});

it("says when the SSH key is not the right one", async () => {
  const other = sshKey().private;
  await dev.stack.setConfig("redis-cluster:sshPrivateKey", { value: other, secret: true });
  expect(await failedUp(dev)).toContain("unable to authenticate");
  await dev.stack.setConfig("redis-cluster:sshPrivateKey", {
    value: dev.sshPrivateKey,
    secret: true,
  });
});

it("sends nothing to a host whose key is another", async () => {
  const right = await dev.stack.getConfig(hostKey("app-1"), true);
  const wrong = await dev.stack.getConfig(hostKey("app-2"), true);
  await dev.stack.setConfig(hostKey("app-1"), wrong, true);
  on("app-1", "rm -rf /usr/local/lib/redis-cluster");
  const said = await failedUp(dev);
  await dev.stack.setConfig(hostKey("app-1"), right, true);
  expect(said).toMatch(/app-1-check[^]*(host key|mismatch)/);
  expect(on("app-1", "ls /usr/local/lib/redis-cluster 2>&1 || true")).toContain("No such file");
  // What was written before the directory was removed is gone: the state is made to know.
  await dev.stack.workspace.removeStack("dev", { force: true, preserveConfig: true });
  await dev.stack.workspace.createStack("dev");
});

it("says when the SSH user may not sudo without a password", async () => {
  on("app-1", "rm -f /etc/sudoers.d/*");
  const said = await failedUp(dev);
  await wipedAnew("app-1");
  expect(said).toMatch(/app-1-check[^]*sudo: a password is required/);
});

describe("refuses, and names host, thing and remedy", () => {
  const cases = [
    {
      what: "an unsupported distribution",
      make: "sed -i 's/^VERSION_ID=.*/VERSION_ID=\"11\"/' /usr/lib/os-release",
      undo: "sed -i 's/^VERSION_ID=.*/VERSION_ID=\"12\"/' /usr/lib/os-release",
      error: /\[app-1\]: error: this is 'debian 11'; expected Debian 12 or Debian 13/,
    },
    {
      what: "a Redis that is too old",
      make:
        "systemctl mask -q redis-server; apt-get -q -y install redis-server >/dev/null; " +
        "mv /usr/bin/redis-server /usr/bin/redis-server.real; " +
        "printf '#!/bin/sh\\necho Redis server v=6.0.16 sha=00000000\\n' > /usr/bin/redis-server; " +
        "chmod +x /usr/bin/redis-server",
      undo: "mv /usr/bin/redis-server.real /usr/bin/redis-server",
      error: /\[app-1\]: error: redis-server is 6\.0\.16; expected 7\.0 or newer/,
    },
    {
      what: "a port that a foreign process holds",
      make: "systemd-run --quiet --unit=squatter systemd-socket-activate -l 0.0.0.0:6389 /bin/cat; sleep 0.5",
      undo: "systemctl stop squatter",
      error:
        /\[app-1\]: error: port 6389 is taken by systemd-socket.* \(pid \d+\)[^]*redis-cluster:nodePort/,
    },
    {
      what: "a unit of somebody else's",
      make: "printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/redis-sentinel.service",
      undo: "rm /etc/systemd/system/redis-sentinel.service",
      error:
        /\[app-1\]: error: \/etc\/systemd\/system\/redis-sentinel.service belongs to somebody else/,
    },
  ];
  it.each(cases)("$what", async ({ make, undo, error }) => {
    on("app-1", make);
    try {
      expect(await failedUp(dev)).toMatch(error);
      expect(on("app-1", "ls -d /etc/redis-cluster 2>&1 || true")).toContain("No such file");
    } finally {
      on("app-1", undo);
    }
  });

  it("a full disk", async () => {
    lab("disk", "app-1", "/var/log", "30m");
    on("app-1", "head -c 30m /dev/zero > /var/log/filler || true");
    try {
      expect(await failedUp(dev)).toMatch(
        /\[app-1\]: error: \/\S+ has \d+ MiB free; expected at least 16/,
      );
    } finally {
      await wipedAnew("app-1");
    }
  });
});

it("finishes a first deployment that was killed again and again", async () => {
  let kills = 0;
  while (!(await killedUp(dev, 4))) {
    kills += 1;
    expect(kills).toBeLessThan(40);
  }
  expect(kills).toBeGreaterThan(5);
  await untilWhole();
  expect(await namedMaster(dev)).toBe("console");
  const roles = await Promise.all(hosts.map((host) => ask(dev, { host, daemon: "node" }, "ROLE")));
  expect(roles.map((role) => (role as string[])[0])).toEqual(["slave", "slave", "master"]);
  const { summary } = await losingNothing(dev, () => dev.stack.up());
  expect(changes(summary.resourceChanges)).toEqual({});
});

it("says in Redis's own words why a node does not start, and takes it back once its damaged files are away", async () => {
  const data = "/var/lib/redis-cluster";
  on("app-1", "systemctl stop redis-cluster");
  on(
    "app-1",
    // Both that it may start from.
    `for file in ${data}/appendonlydir/*.base.rdb ${data}/dump.rdb; do ` +
      "printf X | dd status=none bs=1 conv=notrunc of=$file seek=$(($(stat -c %s $file) - 3)); done",
  );
  await dev.stack.setConfig("redis-cluster:limits.stall", { value: "10" }, true);
  const words = /redis-server ended: [^\n]*Wrong RDB checksum[^\n]*redis-cluster\.log/;
  expect(await failedUp(dev)).toMatch(words);
  const journal = on("app-1", "journalctl -u redis-cluster -n 200 -o short-unix");
  expect(journal).toMatch(words);
  // Later each time.
  const times = [...journal.matchAll(/^(\d+\.\d+) .*redis-server ended/gm)].map(([, at]) =>
    Number(at),
  );
  const between = times.slice(1).map((at, i) => at - times[i]);
  expect(between.length).toBeGreaterThan(1);
  expect(between[between.length - 1]).toBeGreaterThan(between[0] + 0.5);
  on("app-1", `mkdir /root/damaged && mv ${data}/appendonlydir ${data}/dump.rdb /root/damaged/`);
  await dev.stack.up();
  await untilWhole();
});
