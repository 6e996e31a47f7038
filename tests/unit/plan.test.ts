import { createHash } from "crypto";
import * as pulumi from "@pulumi/pulumi";
import { Certificates } from "../../components/certificates";
import * as hostProgram from "../../components/remote/hostProgram";
import { planOf } from "../../components/release/plan";
import { Identity } from "../../components/privateAuthority";
import * as render from "../../components/release/render";
import { topologyConfig } from "../helpers/config";

interface Known<T> {
  promise(): Promise<T>;
  isSecret: Promise<boolean>;
}
const known = <T>(output: pulumi.Output<T>) => output as unknown as Known<T>;

const secret = (hosts: Record<string, Identity>): Certificates["hosts"] => pulumi.secret(hosts);
const identity = (digit: string) => ({ certificate: `certificate ${digit}`, key: `key ${digit}` });
const certificates = (first = "1"): Certificates => ({
  authority: pulumi.output("authority"),
  hosts: secret({ "app-2": identity("2"), console: identity(first), "app-1": identity("3") }),
});
const plan = (more = {}, own = certificates()) =>
  known(planOf(topologyConfig(more), own)).promise();

test("an override's plan is the same for the same, in whatever order certificates come", async () => {
  const { authority } = certificates();
  const hosts = secret({
    "app-1": { key: "key 3", certificate: "certificate 3" },
    "app-2": identity("2"),
    console: identity("1"),
  });
  expect(await plan({}, { authority, hosts })).toBe(await plan());
});

test.each([
  ["a setting", { redis: { hz: 20 } }],
  ["a password", { monitoringPassword: "another".padEnd(40, "-") }],
  ["an application's password", { applicationPassword: "another" }],
  ["a previous password", { operatorPreviousPassword: "another".padEnd(40, "-") }],
  ["the kernel's settings", { kernelSettings: false }],
  ["the package's version", { packageVersion: "5:7.0.15-1~deb12u7" }],
  ["the backup's time", { backup: { hosts: ["console"], onCalendar: "hourly" } }],
  ["the firewall", { firewall: { allow: ["10.77.0.0/24"] } }],
])("%s changes the plan", async (_, more) => {
  expect(await plan(more)).not.toBe(await plan());
});

test("a certificate changes the plan", async () => {
  expect(await plan({}, certificates("4"))).not.toBe(await plan());
});

test("the hosts' program changes the plan", async () => {
  const before = await plan();
  const spy = jest.spyOn(hostProgram, "programHash").mockReturnValue("another");
  const after = await plan();
  spy.mockRestore();
  expect(after).not.toBe(before);
});

test("the program's hash is of every file of it", () => {
  const { sums, ...programs } = hostProgram.hostPrograms();
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const lines = Object.entries(programs).map(([name, text]) => `${sha256(text)}  ${name}\n`);
  expect(sums).toBe(lines.join(""));
  expect(hostProgram.programHash()).toBe(sha256(sums));
});

test("a unit changes the plan", async () => {
  const before = await plan();
  const spy = jest.spyOn(render, "renderFirewallUnit").mockReturnValue("another");
  const after = await plan();
  spy.mockRestore();
  expect(after).not.toBe(before);
});

test("the plan is 16 hex digits and no secret", async () => {
  expect(await plan()).toMatch(/^[0-9a-f]{16}$/);
  expect(await known(planOf(topologyConfig(), certificates())).isSecret).toBe(false);
});
