import { address, failedUp, hosts, lab, on, openStack, Stack } from "../helpers/lab";
import { readFileSync } from "fs";
import { join } from "path";

// The committed stage stack, reached through the bastion.

let stage: Stack;

function hostKey(host: string): string {
  const file = join(__dirname, "..", "..", "build", "lab", process.env.LAB_NAME ?? "dev", "hosts");
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${host} `));
  return line!.split(" ").slice(2).join(" ");
}

const setBastionKey = (value: string) =>
  stage.stack.setConfig("redis-cluster:ssh.bastion.hostKey", { value }, true);

beforeAll(async () => {
  lab("up");
  stage = await openStack("stage");
  await stage.stack.setConfig(
    "redis-cluster:ssh.bastion.host",
    { value: address("bastion") },
    true,
  );
  await stage.stack.setConfig("redis-cluster:deleteData", { value: "true" });
  for (const host of hosts)
    on(host, "journalctl --rotate -q && journalctl --vacuum-time=1s -q || true");
});

it("stops before it reaches a host when the bastion's key is another", async () => {
  await setBastionKey(hostKey("console"));
  expect(await failedUp(stage)).toMatch(/host key|mismatch/);
  for (const host of hosts) expect(on(host, "ls /usr/local/lib")).not.toContain("redis-cluster");
});

it("deploys stage's settings, every login and every question by way of the bastion", async () => {
  await setBastionKey(hostKey("bastion"));
  const { outputs } = await stage.stack.up();
  expect(outputs.masterName.value).toBe("redis-stage-cluster");
  expect(outputs.currentMaster.value).toEqual({ name: "console", address: address("console") });
  for (const host of hosts) {
    const logins = on(
      host,
      "journalctl -q --no-pager -u ssh | grep -o 'Accepted publickey for deploy from [0-9.]*' | sort | uniq -c",
    );
    const from = [...logins.matchAll(/from ([0-9.]+)/g)].map((match) => match[1]);
    // The others are this test's own.
    expect(from).toContain(address("bastion"));
    expect(
      on(
        host,
        "grep -c 'sentinel monitor redis-stage-cluster' /etc/redis-cluster/redis-sentinel.conf",
      ),
    ).toBe("1");
  }
});

it("is taken away through the bastion, too", async () => {
  await stage.stack.destroy();
  for (const host of hosts) {
    expect(on(host, "ss -Hltn 'sport = :6389 or sport = :26389'")).toBe("");
  }
});
