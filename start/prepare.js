/** What makes a process of this program start sooner. Comes first in each. */
"use strict";
const Module = require("module");
const { join } = require("path");

// From Node 22.8 on: compiled code is kept for the next run.
/** @type {any} */ (Module).enableCompileCache?.(join(__dirname, "..", "build", "compile-cache"));

// Parts of Pulumi's SDK that would run it from a program, and store code in the state. They load the TypeScript compiler
// and npm's reader of packages, half a second in each process; this state holds no code (components/dynamic.ts).
for (const name of [
  "automation",
  "runtime/closure/serializeClosure",
  "runtime/closure/codePaths",
]) {
  const file = require.resolve(`@pulumi/pulumi/${name}`);
  require.cache[file] ??= Object.assign(new Module(file), { filename: file, loaded: true });
}
