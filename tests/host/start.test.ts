import { LocalWorkspace, Stack } from "@pulumi/pulumi/automation";
import { execFile, execFileSync } from "child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "fs";
import { basename, join, resolve } from "path";
import { promisify } from "util";
import { rawConfig, secrets } from "../helpers/config";

// The program in a clone that has its packages and nothing else, by the real engine. No host is asked.

jest.setTimeout(600000);

const repository = resolve(__dirname, "../..");
/** All that runs. Its packages are found in the directories above. */
const parts = ["Pulumi.yaml", "index.ts", "package.json", "package-lock.json", "tsconfig.json"];
const folders = ["components", "start", "templates"];

let clone: string;
let stack: Stack;

const read = (file: string) => readFileSync(join(clone, file), "utf8");
const write = (file: string, text: string) => writeFileSync(join(clone, file), text);
const builtFiles = () =>
  readdirSync(join(clone, "build")).filter((name) => !name.includes("cache"));

beforeAll(async () => {
  mkdirSync(join(repository, "build"), { recursive: true });
  clone = mkdtempSync(join(repository, "build", "clone-"));
  for (const part of [...parts, ...folders]) {
    cpSync(join(repository, part), join(clone, part), { recursive: true });
  }
  mkdirSync(join(clone, "state"));
  const { sshPrivateKey, ...values } = rawConfig();
  const plain = Object.entries(values)
    .filter(([name]) => !(name in secrets))
    .map(([name, value]) => `  redis-cluster:${name}: ${value}\n`);
  write("Pulumi.test.yaml", `config:\n${plain.join("")}`);
  stack = await open();
  await stack.setAllConfig(
    Object.fromEntries(
      Object.entries({ ...secrets, sshPrivateKey }).map(([name, value]) => [
        `redis-cluster:${name}`,
        { value, secret: true },
      ]),
    ),
  );
});

afterAll(() => rmSync(clone, { recursive: true, force: true }));

const open = () =>
  LocalWorkspace.createOrSelectStack(
    { stackName: "test", workDir: clone },
    {
      envVars: {
        PULUMI_BACKEND_URL: `file://${join(clone, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "of the test",
      },
    },
  );

/** What a preview that fails says at its end, when a file of the clone has this text meanwhile. */
async function failedWith(file: string, text: string): Promise<string> {
  const before = read(file);
  write(file, text);
  try {
    await stack.preview();
    return "";
  } catch (error) {
    return /\nDiagnostics:\n([^]*?)\n\s*\nResources:/.exec((error as Error).message)?.[1] ?? "";
  } finally {
    write(file, before);
  }
}

/** What these lines of JavaScript print, run in the clone; then the packages that were loaded, in a line. */
async function ran(...lines: string[]): Promise<string> {
  const packages = [
    "const files = Object.keys(require.cache).join(' ');",
    "const names = files.match(/(?<=node_modules\\/)(?:@[^/]+\\/)?[^/]+/g);",
    "process.on('exit', () => console.log([...new Set(names)].join(' ')));",
  ];
  const { stdout } = await promisify(execFile)("node", ["-e", [...lines, ...packages].join("\n")], {
    cwd: clone,
  });
  return stdout;
}

/** The name of the file that a run loads now. */
async function builtFile(): Promise<string> {
  const stdout = await ran("console.log(require('./start/build').built());");
  return basename(stdout.split("\n")[0]);
}

test("a clone that was never built: the first preview builds it, the next run takes what is there", async () => {
  const { stdout } = await stack.preview();
  expect(stdout).toMatch(/\+ \d\d to create/);
  expect(stdout).not.toContain("warning");
  const files = builtFiles();
  expect(files).toEqual([
    expect.stringMatching(/^program-[0-9a-f]{16}\.js$/),
    expect.stringMatching(/\.js\.map$/),
  ]);
  expect(await builtFile()).toBe(files[0]);
  expect(builtFiles()).toEqual(files);
});

test("neither process loads a compiler, and a run that asks no host no client", async () => {
  const unwanted = / (typescript|ts-node|esbuild|@npmcli\/arborist|ioredis|node-forge)\b/;
  const program = await ran(
    "try { require('./start/program.js') } catch (e) { console.log(e.message) }",
  );
  expect(program).toContain("The configuration of stack stack has ");
  expect(program).toContain(" @pulumi/command");
  expect(program).not.toMatch(unwanted);
  const provider = await ran(
    "require('./start/prepare');",
    "require('@pulumi/pulumi/runtime');",
    ...["hostDrift", "bootstrap", "sentinelQuorum"].map(
      (name) => `console.log(typeof require('./start/providers')('${name}').diff);`,
    ),
  );
  expect(provider).toContain("function\nfunction\nfunction\n");
  expect(provider).toContain("@grpc/grpc-js");
  expect(provider).not.toMatch(unwanted);
  expect(provider).not.toMatch(/ ssh2\b/);
});

test("a changed source is taken, also when it is changed back", async () => {
  const before = read("index.ts");
  const older = await builtFile();
  write("index.ts", `${before}export const added = "by a change";\n`);
  expect((await stack.preview()).stdout).toContain("added");
  write("index.ts", before);
  expect(await builtFile()).toBe(older);
});

test("what cannot be built is told in one sentence, with its place, and nothing older runs", async () => {
  const before = read("components/release/plan.ts");
  const files = builtFiles();
  const told = await failedWith("components/release/plan.ts", `${before}\nconst = 1;\n`);
  const line = before.split("\n").length + 1;
  expect(told.trim().split(/\n\s*/)).toEqual([
    "pulumi:pulumi:Stack (redis-cluster-test):",
    `error: the program cannot be built: components/release/plan.ts:${line}:7: Expected identifier but found "="`,
  ]);
  expect(builtFiles()).toEqual(files);
});

test("an error in the program names file and line of the source", async () => {
  const before = read("components/release/plan.ts");
  const line = before.split("\n").length;
  const told = await failedWith(
    "components/release/plan.ts",
    `${before}throw new Error("for the test");\n`,
  );
  expect(told).toMatch(
    new RegExp(`Error: for the test\\s[^]*components/release/plan\\.ts:${line}:7`),
  );
});

test("many at once build one program, and each loads a whole one", async () => {
  for (const name of builtFiles()) rmSync(join(clone, "build", name));
  const load = () => ran("console.log(typeof require(require('./start/build').built()).program);");
  // One after the other, so that some come while another one writes.
  const later = (i: number) => new Promise((done) => setTimeout(done, 80 * i)).then(load);
  const loaded = await Promise.all(Array.from({ length: 10 }, (_, i) => later(i)));
  for (const stdout of loaded) expect(stdout).toMatch(/^function\n/);
  expect(builtFiles()).toHaveLength(2);
});

test("the provider's process ends with an engine that was killed", async () => {
  const provider = join(clone, "start/pulumi-resource-pulumi-nodejs");
  const engine = `node ${provider} 127.0.0.1:1 >/dev/null 2>&1 & echo $!; sleep 2`;
  const pid = execFileSync("bash", ["-c", engine]).toString().trim();
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  const end = Date.now() + 20000;
  while (existsSync(`/proc/${pid}`) && Date.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 100));
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});

test("a state works where the project was moved to, and holds no code", async () => {
  const index = read("index.ts");
  write(
    "index.ts",
    'import { HostDrift } from "./components/hostDrift";\nnew HostDrift("drift", { hosts: [], nodes: [] });\n',
  );
  await stack.up();
  const moved = `${clone}-moved`;
  renameSync(clone, moved);
  clone = moved;
  stack = await open();
  const state = read("state/.pulumi/stacks/redis-cluster/test.json");
  expect(state).not.toContain(repository);
  expect(
    Math.max(...[...state.matchAll(/"__provider": "(.*)"/g)].map(([, code]) => code.length)),
  ).toBeLessThan(200);
  await stack.refresh();
  expect((await stack.up()).summary.resourceChanges).toEqual({ same: 2 });
  await stack.destroy();
  write("index.ts", index);
});
