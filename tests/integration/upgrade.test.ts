import { execFileSync, spawnSync } from "child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "fs";
import { join, relative } from "path";
import {
  changes,
  hosts,
  identities,
  lab,
  leavesNothing,
  losingNothing,
  on,
  openStack,
  Stack,
  top,
  untilWhole,
} from "../helpers/lab";

// An upgrade of this program itself: a group that a released tree deployed is taken over by one `up`.

/** Trees that were released, by their commits: the last whose host program was bash, and the last before this one. */
const released = {
  bash: "3fb362fb602fa7b07c5bb57ffd3efdd74ebf9ecc",
  last: "21adb5729b159ab792da5e773272f06025c58eab",
};

let dev: Stack;

/** A clone without the history has no released tree to start from. */
const hasHistory = Object.values(released).every((commit) => {
  const known = spawnSync("git", ["-C", top, "cat-file", "-e", `${commit}^{commit}`]).status === 0;
  if (!known) console.warn(`not run: this clone does not have the commit ${commit}`);
  return known;
});

/** A released tree, with this one's packages. */
function releasedTree(commit: string): string {
  const tree = join(top, "build", "released");
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  const unpack = 'set -o pipefail; git -C "$1" archive "$2" | tar -x -C "$3"';
  execFileSync("bash", ["-c", unpack, "unpack", top, commit, tree]);
  symlinkSync(join(top, "node_modules"), join(tree, "node_modules"));
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

const when = hasHistory ? describe : describe.skip;

when.each([
  { which: "bash", restarts: 1 },
  { which: "last", restarts: 0 },
] as const)("a group that a released tree deployed, $which", ({ which, restarts }) => {
  beforeAll(async () => {
    lab("up");
    dev = await openStack("dev");
    await dev.stack.setConfig("redis-cluster:deleteData", { value: "false" });
    runProgramOf(releasedTree(released[which]));
    await dev.stack.up();
    await untilWhole();
  });

  it("is taken over by one `up`: no daemon restarts more than it has to, and nothing is lost", async () => {
    const before = starts();
    runProgramOf(top);
    await losingNothing(dev, async () => {
      await dev.stack.up();
      await untilWhole();
    });
    const more = Object.entries(starts()).filter(
      ([daemon, count]) => count > before[daemon] + restarts,
    );
    expect(more).toEqual([]);
  });

  it("is owed nothing afterwards", async () => {
    const before = await identities(dev);
    const { summary } = await dev.stack.up();
    expect(changes(summary.resourceChanges)).toEqual({});
    expect(await identities(dev)).toEqual(before);
  });

  it("leaves nothing on any disk after a destroy", async () => {
    await leavesNothing(dev);
  });
});
