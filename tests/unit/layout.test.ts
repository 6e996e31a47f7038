import { readdirSync, readFileSync } from "fs";
import { dirname, join } from "path";
import * as ts from "typescript";

// What keeps the sources readable, and is easily lost.

const top = join(__dirname, "..", "..");
/** The sources below a directory, without what Python has compiled of them. */
const within = (directory: string): string[] =>
  readdirSync(join(top, directory), { recursive: true, encoding: "utf8" })
    .filter((name) => !name.endsWith(".pyc"))
    .map((name) => join(directory, name));
const read = (name: string): string => readFileSync(join(top, name), "utf8");

const modules = within("components").filter((name) => name.endsWith(".ts"));

/** What a module imports of this program, types too. */
const imports = new Map(
  modules.map((name) => [
    name,
    ts
      .preProcessFile(read(name))
      .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
      .map(({ fileName }) => `${join(dirname(name), fileName)}.ts`),
  ]),
);

/** All that a module imports, and what that imports, and so on. */
function reached(from: string): Set<string> {
  const found = new Set<string>();
  const waiting = [from];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    for (const next of imports.get(name) ?? []) {
      if (!found.has(next)) waiting.push(next);
      found.add(next);
    }
  }
  return found;
}

test("no module comes to import itself", () => {
  expect(reached("components/replicationTopology.ts").size).toBeGreaterThan(30);
  expect(modules.filter((name) => reached(name).has(name))).toEqual([]);
});

test("only what is in components/remote uses Pulumi's Command", () => {
  const users = modules.filter((name) => /new remote\.(Command|CopyToRemote)/.test(read(name)));
  expect(users.map((name) => dirname(name))).toEqual(users.map(() => "components/remote"));
  expect(users).not.toEqual([]);
});

test("no file is longer than 400 lines, but for the tables of directives", () => {
  const files = ["components", "templates", "start", "ops"]
    .flatMap(within)
    .filter((name) => /\.\w+$/.test(name) && !name.startsWith("components/directives/"));
  const long = files.filter((name) => read(name).split("\n").length > 401);
  expect(files.length).toBeGreaterThan(100);
  expect(long).toEqual([]);
});

test("what a group's things on a host are called is spelled where names are made, so that each group's are its own", () => {
  const spelled =
    /\/(?:etc|run|var\/\w+|usr\/local\/lib|logrotate\.d)\/redis-(?:cluster|sentinel)(?![*\w$])|(?:systemctl \w+|-u) redis-|inet redis_/;
  const lines = ["components", "templates", "ops"]
    .flatMap(within)
    .filter((name) => /\.\w+$/.test(name) && !name.startsWith("components/directives/"))
    .flatMap((name) =>
      read(name)
        .split("\n")
        .map((line) => `${name}: ${line}`),
    );
  expect(lines.filter((line) => spelled.test(line))).toEqual([
    // The group that Ansible deployed.
    expect.stringMatching(/^templates\/host\/redis_cluster\/host\.py: .*ExecStart=/),
  ]);
});
