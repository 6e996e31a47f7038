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

// An upgrade of this program itself: a group that the last released tree deployed is taken over by one `up`.

/** The last tree that was released, by its commit. */
const released = "3fb362fb602fa7b07c5bb57ffd3efdd74ebf9ecc";

let dev: Stack;

/** A clone without the history has no released tree to start from. */
const hasHistory =
  spawnSync("git", ["-C", top, "cat-file", "-e", `${released}^{commit}`]).status === 0;
if (!hasHistory) console.warn(`not run: this clone does not have the commit ${released}`);

/** The released tree, with this one's packages. */
function releasedTree(): string {
  const tree = join(top, "build", "released");
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  const unpack = 'set -o pipefail; git -C "$1" archive "$2" | tar -x -C "$3"';
  execFileSync("bash", ["-c", unpack, "unpack", top, released, tree]);
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

when("a group that the last released tree deployed", () => {
  beforeAll(async () => {
    lab("up");
    dev = await openStack("dev");
    runProgramOf(releasedTree());
    await dev.stack.up();
  });

  it("is taken over by one `up`: each daemon restarts once at most, and nothing is lost", async () => {
    const before = starts();
    runProgramOf(top);
    await losingNothing(dev, async () => {
      await dev.stack.up();
      await untilWhole();
    });
    const more = Object.entries(starts()).filter(([daemon, count]) => count > before[daemon] + 1);
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
