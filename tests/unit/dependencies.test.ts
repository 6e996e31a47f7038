import { execFileSync } from "child_process";
import { readFileSync } from "fs";
import { join } from "path";

const top = join(__dirname, "..", "..");
const read = (file: string) => readFileSync(join(top, file), "utf8");
const manifest = JSON.parse(read("package.json")) as Record<
  "dependencies" | "devDependencies" | "overrides",
  Record<string, string>
>;
const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.overrides };
const lock = JSON.parse(read("package-lock.json")) as {
  packages: Record<string, { version: string; integrity?: string }>;
};
const goFolders = ["command-plugin", "language-host", "pulumi"].map((name) => `toolchain/${name}`);

/** The modules that a go.mod asks for itself: by name, and as the home of a tool. */
function direct(folder: string): string[] {
  const text = read(`${folder}/go.mod`);
  const required = [...text.matchAll(/^(?:require )?\s*(\S+) (v\S+)( \/\/ indirect)?$/gm)];
  const tools = [...text.matchAll(/^tool (\S+)$/gm)].map(([, tool]) => {
    const homes = required.map(([, name]) => name).filter((name) => tool.startsWith(`${name}/`));
    return homes.sort((a, b) => b.length - a.length)[0];
  });
  return [...required.filter(([, , , indirect]) => !indirect).map(([, name]) => name), ...tools];
}

test("every direct dependency has its reason in docs/dependencies.md, and none that is gone", () => {
  const explained = read("docs/dependencies.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...line.split("|")[1].matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  const [, ...tools] = /^# .* of (\w+), (\w+) and (\w+)\.$/m.exec(
    read("toolchain/python-requirements.txt"),
  ) ?? [""];
  const go = [...read("toolchain/go-requirements.txt").matchAll(/^(\S+)==/gm)];
  expect([...explained].sort()).toEqual(
    [
      ...Object.keys(wanted),
      ...new Set(goFolders.flatMap(direct)),
      ...go.map(([, name]) => name),
      ...tools,
    ].sort(),
  );
});

test("versions are exact, and those of the lock file", () => {
  for (const [name, version] of Object.entries(wanted)) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
    expect([name, lock.packages[`node_modules/${name}`].version]).toEqual([name, version]);
  }
});

test("every package and every direct module is locked by its hash", () => {
  const { "": ours, ...packages } = lock.packages;
  expect(ours).toBeDefined();
  for (const [name, { integrity }] of Object.entries(packages)) {
    expect([name, integrity]).toEqual([name, expect.stringMatching(/^sha512-/)]);
  }
  for (const folder of goFolders) {
    for (const name of direct(folder)) {
      expect(read(`${folder}/go.sum`)).toMatch(new RegExp(`^${name} v\\S+ h1:\\S{44}$`, "m"));
    }
  }
});

test("nothing that is documented or scripted installs packages that run scripts", () => {
  const files = execFileSync(
    "find",
    ". ( -path ./.git -o -path ./build -o -name node_modules ) -prune -o -type f -printf %P\\n".split(
      " ",
    ),
    { cwd: top, encoding: "utf8" },
  )
    .trim()
    .split("\n")
    .filter((file) => !/^(tests\/unit\/|package-lock)/.test(file));
  const installs = files.flatMap((file) =>
    read(file)
      .split("\n")
      .filter((line) => /\bnpm (ci|install|i|add)\b/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(installs.length).toBeGreaterThan(2);
  expect(installs.filter((line) => !line.includes("--ignore-scripts"))).toEqual([]);
  expect(read(".npmrc")).toMatch(/^ignore-scripts=true$/m);
});
