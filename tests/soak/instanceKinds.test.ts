import { execFileSync } from "child_process";
import { mkdtempSync, rmSync } from "fs";
import { join } from "path";
import {
  address,
  belongings,
  changes,
  eventually,
  hosts,
  identities,
  lab,
  leftBeside,
  meanwhileOn,
  nothingLost,
  on,
  openBeside,
  openStack,
  Stack,
  top,
  writerOn,
} from "../helpers/lab";

// Beside a plain group another one that is reached through a bastion, by a user who may run that group's program alone,
// and requires TLS: each comes, changes and goes, and the other is as it was.

const keeper = "keeper";
const cacheProgram = "/usr/local/lib/redis-cluster-cache/redis-cluster";
let dev: Stack;
let cache: Stack;
let directory: string;

const set = (stack: Stack, path: string, value: string) =>
  stack.stack.setConfig(`redis-cluster:${path}`, { value }, true);

const writerOf = (stack: Stack) =>
  writerOn(stack, {
    ...(stack.tls && {
      tls: stack.tls,
      sentinels: hosts.map((host) => ({ host: address(host), port: 27390 })),
    }),
  });

/** Runs it while applications write to these groups; the first of them notices nothing. */
async function unnoticed(
  writing: [Stack, ...Stack[]],
  what: () => Promise<unknown>,
): Promise<void> {
  const daemons = await identities(writing[0]);
  const files = belongings(writing[0] === dev ? "redis-cluster" : "redis-cluster-cache");
  const writers = await Promise.all(writing.map(writerOf));
  try {
    await what();
  } finally {
    const [alone] = await Promise.all(writers.map(nothingLost));
    expect(alone.failed).toBe(0);
  }
  expect(await identities(writing[0])).toEqual(daemons);
  expect(belongings(writing[0] === dev ? "redis-cluster" : "redis-cluster-cache")).toEqual(files);
  for (const { stack } of writing)
    expect(changes((await stack.refresh()).summary.resourceChanges)).toEqual({});
}

const whole = (program: string) =>
  eventually(`${program} is whole`, 120, async () => {
    await meanwhileOn("app-1", `${program} gate`);
    return true;
  });

/** What an application of the group shows and trusts. */
async function trusted(): Promise<void> {
  const { tls, clientCertificate } = await cache.stack.outputs();
  const client = clientCertificate.value as { certificate: string; key: string };
  cache.tls = {
    ca: (tls.value as { authority: string }).authority,
    cert: client.certificate,
    key: client.key,
  };
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  cache = await openBeside("stage");
  await set(dev, "deleteData", "true");
  await set(cache, "tls.mode", "required");
  await set(cache, "tls.nodePort", "7390");
  await set(cache, "tls.sentinelPort", "27390");
  await set(cache, "ssh.user", keeper);
  await set(cache, "ssh.helper", "true");
  await set(cache, "ssh.bastion.host", address("bastion"));
  await set(cache, "ssh.bastion.user", "deploy");
  await set(
    cache,
    "ssh.bastion.hostKey",
    on("bastion", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub"),
  );
  directory = mkdtempSync(join(top, "build", "host-helper-"));
  execFileSync("npm", ["run", "--silent", "host-helper", "--", directory, "cache"], { cwd: top });
  const archive = execFileSync("tar", ["-c", "-C", directory, "."]);
  for (const host of hosts) {
    on(
      host,
      `useradd --create-home --shell /bin/bash ${keeper} && cp -r ~deploy/.ssh /home/${keeper}/ && chown -R ${keeper}: /home/${keeper}/.ssh`,
    );
    execFileSync(
      join(top, "lab/lab"),
      ["ssh", host, "sudo -n tar -x --one-top-level=/root/host-helper --no-same-owner"],
      { input: archive },
    );
  }
  await dev.stack.up();
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

it("is installed beside the other's program, and comes without a word to the other group", async () => {
  for (const host of hosts)
    expect(on(host, `/root/host-helper/install ${keeper}`)).toMatch(
      new RegExp(
        `may run the following commands on ${host}:\\s+\\(root\\) NOPASSWD: sha256:[0-9a-f]{64} ${cacheProgram}$`,
      ),
    );
  for (const host of hosts) on(host, "rm -r /root/host-helper");
  await unnoticed([dev], () => cache.stack.up());
  await trusted();
  await whole(cacheProgram);
  for (const host of hosts) expect(on(host, "ss -Hltn 'sport = :7389 or sport = :27389'")).toBe("");
});

it("a change, new certificates and a handover of one are nothing to the other", async () => {
  await set(cache, "redis.tcp-backlog", "600");
  await set(cache, "tls.renew", "1");
  await unnoticed([dev, cache], async () => {
    await cache.stack.up();
    await meanwhileOn("console", "systemctl restart redis-cluster-cache");
    await whole(cacheProgram);
  });
  await trusted();
  await set(dev, "redis.tcp-backlog", "700");
  await unnoticed([cache, dev], async () => {
    await dev.stack.up();
    await meanwhileOn("console", "systemctl restart redis-cluster");
    await whole("/usr/local/lib/redis-cluster/redis-cluster");
  });
});

it("the user may ask nothing of the other group", () => {
  for (const verb of ["gate", "describe"])
    expect(
      on(
        "app-1",
        `runuser -u ${keeper} -- sudo -n /usr/local/lib/redis-cluster/redis-cluster ${verb} 2>&1 || true`,
      ),
    ).toMatch(/a password is required$/);
});

it("goes, but for what the administrator has installed; comes again; and the other one goes", async () => {
  await unnoticed([dev], () => cache.stack.destroy());
  const left = ["/etc/sudoers.d/redis-cluster-cache", "/usr/local/lib/redis-cluster-cache"];
  const ofAdministrator = (file: string) => left.some((path) => file.startsWith(path));
  expect(leftBeside().filter((file) => !ofAdministrator(file))).toEqual([]);
  await cache.stack.up();
  await trusted();
  await unnoticed([cache], () => dev.stack.destroy());
  for (const host of hosts) {
    expect(on(host, "ls -d /etc/redis-cluster /usr/local/lib/redis-cluster 2>&1 || true")).toMatch(
      /^(ls: cannot access .*\n?){2}$/,
    );
    expect(on(host, "systemctl is-active redis-cluster-cache redis-sentinel-cache")).toBe(
      "active\nactive",
    );
  }
  await cache.stack.destroy();
  expect(leftBeside().filter((file) => !ofAdministrator(file))).toEqual([]);
});
