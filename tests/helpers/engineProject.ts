import { LocalWorkspace, Stack } from "@pulumi/pulumi/automation";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "fs";
import { join, resolve } from "path";

/** A Pulumi project of a test's own, run by the real engine with a backend in its directory. */
export interface EngineProject {
  directory: string;
  stack: Stack;
  /** Writes a file beside the program. */
  write(file: string, text: string): void;
  remove(): void;
}

/** A project with this program as its index.ts; `../../components` are this repository's. */
export async function engineProject(name: string, program: string): Promise<EngineProject> {
  // Below the repository, so that the program finds its packages.
  const build = resolve(__dirname, "../../build");
  mkdirSync(build, { recursive: true });
  const directory = mkdtempSync(join(build, `${name}-`));
  mkdirSync(join(directory, "state"));
  const write = (file: string, text: string) => writeFileSync(join(directory, file), text);
  const plugins = "{ providers: [{ name: pulumi-nodejs, path: ../../start }] }";
  write("Pulumi.yaml", `name: ${name}\nruntime: nodejs\nmain: index.ts\nplugins: ${plugins}\n`);
  write("tsconfig.json", '{ "extends": "../../tsconfig.json" }\n');
  write("index.ts", program);
  const stack = await LocalWorkspace.createOrSelectStack(
    { stackName: "test", workDir: directory },
    {
      envVars: {
        PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "of the test",
        TS_NODE_TRANSPILE_ONLY: "1",
      },
    },
  );
  return {
    directory,
    stack,
    write,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
