import { createHash } from "crypto";
import { readFileSync } from "fs";
import { join } from "path";

/**
 * Pulumi keeps a dynamic provider's code, with all that it calls, in the stack's state, until an input changes. So
 * this hash is one: of the module's source and of every one that it imports, and so on.
 */
export function sourcesHash(module: string): string {
  const hash = createHash("sha256");
  for (const name of sourcesOf(module)) hash.update(`${name}\n${source(name)}\n`);
  return hash.digest("hex").slice(0, 16);
}

/** The modules of this directory that the module of that name is made of, itself included, sorted. */
export function sourcesOf(module: string): string[] {
  const found = new Set<string>();
  const waiting = [module];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    // What is imported as a type is gone once compiled.
    for (const [, kind, imported] of source(name).matchAll(
      /^(import type|import|export)\b[^;]*? from "\.\/(\w+)";$/gm,
    )) {
      if (kind !== "import type") waiting.push(imported);
    }
  }
  return [...found].sort();
}

const source = (name: string) => readFileSync(join(__dirname, `${name}.ts`), "utf8");
