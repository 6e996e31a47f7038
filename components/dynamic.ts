import { createHash } from "crypto";
import { readFileSync } from "fs";
import { join } from "path";
import * as pulumi from "@pulumi/pulumi";
import { components } from "./project";
import type { RouteArgs } from "./probe/route";

/** How a resource's provider reaches the hosts. */
export interface RouteInputs extends Omit<RouteArgs, "privateKey"> {
  /** OpenSSH private key, kept secret; unset: the SSH agent logs in. */
  privateKey?: pulumi.Input<string>;
}

/**
 * A resource of this program's own, carried out by `components/providers/<module>.ts` in the engine's provider process.
 *
 * Pulumi's own way would store the provider's code in the state, and run that until an input changes. Here the state
 * has one line that loads the code from the project, so it is never older than the program.
 */
export abstract class DynamicResource extends pulumi.CustomResource {
  /**
   * @param module - the provider's name
   * @param type - the resource's
   * @param props - the provider's inputs, with `undefined` for each output; a `privateKey` is kept secret
   */
  constructor(
    module: string,
    type: string,
    name: string,
    props: pulumi.Inputs,
    opts?: pulumi.CustomResourceOptions,
  ) {
    const { privateKey } = props;
    const inputs = {
      ...props,
      privateKey: privateKey === undefined ? undefined : pulumi.secret(privateKey),
      sources: sourcesHash(module),
      __provider: frame(module),
    };
    super(`pulumi-nodejs:dynamic/redis-cluster:${type}`, name, inputs, opts);
  }
}

/** What Pulumi's provider process runs, in the project's directory, wherever that is now. */
const frame = (module: string): string =>
  `exports.handler = () => require("module").createRequire(process.cwd() + "/")("redis-cluster/providers")("${module}");\n`;

/**
 * What a provider returned stays in the state until an input changes. So this hash is one: of its source and of every
 * one that it imports, and so on.
 */
export function sourcesHash(module: string): string {
  const hash = createHash("sha256");
  for (const name of sourcesOf(module)) hash.update(`${name}\n${source(name)}\n`);
  return hash.digest("hex").slice(0, 16);
}

/** The modules that the provider of that name is made of, itself included, below components/, sorted. */
export function sourcesOf(module: string): string[] {
  const found = new Set<string>();
  const waiting = [`providers/${module}`];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    // What is imported as a type is gone once compiled.
    for (const [, kind, imported] of source(name).matchAll(
      /^(import type|import|export)\b[^;]*? from "(\.[^"]*)";$/gm,
    )) {
      if (kind !== "import type") waiting.push(join(name, "..", imported));
    }
  }
  return [...found].sort();
}

const source = (name: string) => readFileSync(join(components, `${name}.ts`), "utf8");
