import { execFileSync } from "child_process";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "fs";
import { join, relative } from "path";
import {
  changes,
  hosts,
  identities,
  lab,
  losingNothing,
  on,
  openStack,
  Stack,
  top,
  untilWhole,
} from "../helpers/lab";

// An upgrade of this program itself: a group that the last released tree deployed is taken over by one `up`.

/** The last tree that was released, by its commit. */
const released = "3fb362fb602fa7b07c5bb57ffd3efdd74ebf9ecc";

let dev: Stack;

/** The released tree beside this one, with this one's packages. */
function releasedTree(): string {
  const tree = join(top, "build", "released");
  const git = (...words: string[]) => execFileSync("git", ["-C", top, ...words], { stdio: "pipe" });
  if (!existsSync(tree)) git("worktree", "add", "--force", "--detach", tree, released);
  const modules = join(tree, "node_modules");
  if (!existsSync(modules)) symlinkSync(join(top, "node_modules"), modules);
  return tree;
}

/** Has the stack run that tree's program from now on. */
function runProgramOf(tree: string): void {
  const project = readFileSync(join(tree, "Pulumi.yaml"), "utf8");
  const there = relative(dev.directory, tree);
  const text = project.replace("path: start\n", `path: ${there}/start\n`);
  writeFileSync(join(dev.directory, "Pulumi.yaml"), `${text}main: ${there}\n`);
}

/** How often each daemon of the group has been started so far. */
const starts = (): Record<string, number> =>
  Object.fromEntries(
    hosts.flatMap((host) =>
      ["redis-cluster", "redis-sentinel"].map((unit) => [
        `${host} ${unit}`,
        Number(on(host, `journalctl -q -o cat --no-pager -u ${unit} | grep -c ^Started || true`)),
      ]),
    ),
  );

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  runProgramOf(releasedTree());
  await dev.stack.up();
});

it("one `up` takes the group over: each daemon restarts once at most, and nothing is lost", async () => {
  const before = starts();
  runProgramOf(top);
  await losingNothing(dev, async () => {
    await dev.stack.up();
    await untilWhole();
  });
  const more = Object.entries(starts()).filter(([daemon, count]) => count > before[daemon] + 1);
  expect(more).toEqual([]);
});

it("afterwards nothing is owed", async () => {
  const before = await identities(dev);
  const { summary } = await dev.stack.up();
  expect(changes(summary.resourceChanges)).toEqual({});
  expect(await identities(dev)).toEqual(before);
});

it("a destroy leaves nothing of either on any disk", async () => {
  await dev.stack.setConfig("redis-cluster:deleteData", { value: "true" });
  await dev.stack.up();
  await dev.stack.destroy();
  const ours =
    "ls -d /etc/systemd/system/redis-{cluster,sentinel}* /etc/redis-cluster /usr/local/lib/redis-cluster /var/l*/redis-cluster 2>/dev/null || true";
  for (const host of hosts) {
    expect([host, on(host, ours)]).toEqual([host, ""]);
    expect([host, on(host, "ss -Hltn 'sport = :6389 or sport = :26389'")]).toEqual([host, ""]);
  }
});
