import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { ownerCheck } from "../../components/remote/hostProgram";
import { pretendDebian } from "./support/deployed";
import { Host, Hosts, Outcome } from "./support/hosts";

// Whose a host is: a second stack is refused before anything is written, a renamed one keeps its group by consent.

jest.setTimeout(30000);

const programs = "/usr/local/lib/redis-cluster";
const dev = "redis-cluster/dev";
const other = "redis-cluster/other";
const devName = "redis-dev-cluster";
const token = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
const otherToken = "7f9619ff-8b86-d011-b42d-00cf4fc964ff";

let hosts: Hosts;
let host: Host;

beforeEach(() => {
  hosts = new Hosts();
  [host] = hosts.all;
  mkdirSync(host.path(programs), { recursive: true });
  pretendDebian(host);
});

afterEach(() => hosts.destroy());

/** The check as it comes to a host that has nothing of ours. */
function check(...args: string[]): Outcome & { stdout: string } {
  const { status, stdout, stderr } = spawnSync("/bin/sh", ["-s", "--", ...args], {
    input: `# program 0 redis-cluster\n${ownerCheck()}`,
    env: { REDIS_CLUSTER_ROOT: host.root },
    encoding: "utf8",
  });
  return { status: status ?? -1, stdout, stderr, seconds: 0 };
}

/** A claim, on a machine whose packages and users are left alone. */
function claim(owner: string, id: string, ...more: string[]): Promise<Outcome> {
  return host.feed(
    `owner ${owner}\n${more.join("\n")}\nnode-port 6389\n==> end <==\n`,
    "claim",
    "node",
    id,
  );
}

const unclaim = (id: string, ...owner: string[]) =>
  host.run("unclaim", "node", id, "delete-data", ...owner);

/** Every file of the host with what is in it, and when it was last touched. */
function everything(directory = host.root): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).map((file) => {
    const { mtimeMs, ctimeMs, ino } = statSync(`${directory}/${file}`, { throwIfNoEntry: false })!;
    return `${file} ${mtimeMs} ${ctimeMs} ${ino}`;
  });
}

/** A group that an older version of this program has deployed. */
function deployedBefore(masterName: string): void {
  const members = host
    .releaseFiles()
    .members.replace(/^master-name .*$/m, `master-name ${masterName}`);
  host.release("one", "current", { members });
}

function empty(): void {
  spawnSync("rm", ["-rf", host.path(".")]);
}

const refusal = (was: string, owner: string) =>
  new RegExp(
    `error: this host belongs to ${was}; expected .* Nothing was changed.*: pulumi config set renamed '${was} to ${owner}', then run pulumi up again`,
  );

test("an empty host is anybody's, and gets nothing from being asked", () => {
  empty();
  const before = everything();
  const { status, stdout, stderr } = check(other, "redis-other-cluster");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^[0-9a-f-]{36}\n$/);
  expect(everything()).toEqual(before);
});

test.each(["check", "claim", "node-start", "check-programs"])(
  "another stack is refused by %s, which touches nothing",
  async (verb) => {
    empty();
    expect(await claim(dev, token)).toMatchObject({ status: 0 });
    host.write("/tmp/input", "owner x/y\nnode-port 6389\n");
    // Made by whichever step comes first.
    host.write("/run/redis-cluster.lock", "");
    const touched = () =>
      everything().filter((line) => !/^(tmp\b|run\/redis-cluster.lock)/.test(line));
    const before = touched();
    const outcomes: Record<string, () => Outcome | Promise<Outcome>> = {
      check: () => check(other, devName),
      claim: () => claim(other, otherToken, `master-name ${devName}`),
      "node-start": () => host.run("node-start", other),
      "check-programs": () => host.run("check-programs", other, devName),
    };
    const { status, stderr } = await outcomes[verb]();
    expect(status).toBe(1);
    expect(stderr).toMatch(refusal(dev, other));
    expect(touched()).toEqual(before);
    // What it never claimed it never takes away.
    expect(await unclaim(otherToken)).toMatchObject({ status: 0 });
    expect(touched()).toEqual(before);
  },
);

test("the stack itself is known again, whatever was lost of its state", async () => {
  empty();
  await claim(dev, token);
  expect(check(dev, devName)).toMatchObject({ status: 0 });
  expect(await claim(dev, otherToken)).toMatchObject({ status: 0 });
  expect(host.read(`${programs}/owner`)).toBe(`${dev}\n`);
});

test("a renamed stack keeps its group by a consent that names both, and the old one is another then", async () => {
  empty();
  await claim(dev, token);
  for (const consent of [
    `${dev} to redis-cluster/prod`,
    `redis-cluster/old to ${other}`,
    dev,
    other,
  ])
    expect(check(other, devName, consent).stderr).toMatch(refusal(dev, other));
  const consent = `${dev} to ${other}`;
  expect(check(other, devName, consent)).toMatchObject({ status: 0, stderr: "" });
  expect(host.read(`${programs}/owner`)).toBe(`${dev}\n`);
  expect(await claim(other, token, `renamed ${consent}`)).toMatchObject({ status: 0 });
  expect(check(other, devName)).toMatchObject({ status: 0 });
  expect(check(dev, devName).stderr).toMatch(refusal(other, dev));
  // A state from before has the claim, but no group any more.
  expect(await unclaim(token, dev)).toMatchObject({ status: 0 });
  expect(host.read(`${programs}/owner`)).toBe(`${other}\n`);
  // The consent is used up.
  expect(check(dev, devName, consent).stderr).toMatch(refusal(other, dev));
});

test("a host is nobody's once its node was taken away", async () => {
  empty();
  await claim(dev, token);
  expect(await unclaim(token, dev)).toMatchObject({ status: 0 });
  expect(existsSync(host.path(`${programs}/owner`))).toBe(false);
  expect(check(other, "redis-other-cluster")).toMatchObject({ status: 0 });
});

describe("Pulumi makes a claim as a new one, again", () => {
  const told = `owner ${dev}\nnode-port 6389\n==> end <==\n`;
  const taken = () => !existsSync(host.path(`${programs}/owner`));

  test("in a replacement, whose delete takes nothing", async () => {
    empty();
    await claim(dev, otherToken);
    await claim(dev, token);
    expect(await host.direct("true")).toMatchObject({ status: 0 });
    expect(await unclaim(otherToken, dev)).toMatchObject({ status: 0 });
    expect(await host.feed(told, "claim", "node", token, "new")).toMatchObject({ status: 0 });
    expect(await unclaim(token, dev)).toMatchObject({ status: 0 });
    expect(taken()).toBe(false);
    // The next one is a destroy's.
    expect(await unclaim(token, dev)).toMatchObject({ status: 0 });
    expect(taken()).toBe(true);
  });

  test.each(["new", "old"])(
    "after a run that was killed before Pulumi knew of it: each delete that comes acts, the %s one",
    async (which) => {
      empty();
      await claim(dev, otherToken);
      expect(await host.direct("true")).toMatchObject({ status: 0 });
      await claim(dev, token);
      expect(await host.feed(told, "claim", "node", token, "new")).toMatchObject({ status: 0 });
      expect(await unclaim(which === "new" ? token : otherToken, dev)).toMatchObject({ status: 0 });
      expect(taken()).toBe(true);
    },
  );
});

describe("a group that an older version deployed", () => {
  test("is the stack's whose name is in the master's name", () => {
    deployedBefore(devName);
    expect(check(dev, devName)).toMatchObject({ status: 0, stderr: "" });
  });

  test("is that one's too when another stack has staged its files and taken the claims", async () => {
    deployedBefore(devName);
    host.write("staged/members", "master-name redis-other-cluster\n");
    host.write(`${programs}/claim.node`, `${otherToken}\n`);
    expect(check(other, "redis-other-cluster").stderr).toMatch(refusal(devName, other));
    expect(check(dev, devName)).toMatchObject({ status: 0, stderr: "" });
    await claim(dev, token, `master-name ${devName}`);
    const { mtimeMs } = statSync(host.path("current/members"));
    expect(await unclaim(otherToken)).toMatchObject({ status: 0 });
    expect(statSync(host.path("current/members")).mtimeMs).toBe(mtimeMs);
  });

  test.each([
    ["under its own name", "redis-other-cluster"],
    ["under the group's name", devName],
  ])("is not a second stack's %s, without that consent", (_, name) => {
    deployedBefore(devName);
    expect(check(other, name).stderr).toMatch(refusal(devName, other));
    expect(check(other, name, `${devName} to ${other}`)).toMatchObject({ status: 0 });
  });

  test("is not the stack's with a shorter name", () => {
    deployedBefore("redis-dev2-cluster");
    expect(check(dev, devName).stderr).toMatch(refusal("redis-dev2-cluster", dev));
  });
});

test.each(["", "dev", "a/b/c", "a/$(touch /tmp/x)"])("'%s' owns nothing", async (owner) => {
  empty();
  expect(check(owner, devName).stderr).toContain("expected project/stack");
  expect((await claim(owner, token)).stderr).toContain("expected project/stack");
  expect(existsSync(host.path(`${programs}/owner`))).toBe(false);
});
