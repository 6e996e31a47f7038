/**
 * The program as one JavaScript file, build/program-HASH.js, made anew whenever something that goes into it is another.
 *
 * The hash is of contents, not of times: a checkout, a copy and a `git stash` leave times that tell nothing. It takes
 * some milliseconds. A run that began with an older program keeps its file for a day.
 */
"use strict";
const { createHash } = require("crypto");
const fs = require("fs");
const { dirname, join } = require("path");
const { RunError } = require("@pulumi/pulumi/errors");

const top = dirname(__dirname);
const directory = join(top, "build");

/** What the file is made of, and by what. Packages are not in it: they are loaded from node_modules. */
function ingredients() {
  const components = fs.readdirSync(join(top, "components"), { recursive: true, encoding: "utf8" });
  return [
    ...["index.ts", "tsconfig.json", "package-lock.json", "start/build.js", "start/entry.js"],
    ...components.filter((name) => name.endsWith(".ts")).map((name) => join("components", name)),
  ].sort();
}

/** The built file's path. Throws where it cannot be built; then there is none for these sources. */
function built() {
  const hash = createHash("sha256");
  for (const name of ingredients()) {
    hash
      .update(`${name}\n`)
      .update(fs.readFileSync(join(top, name)))
      .update("\n");
  }
  // As deep as components/project.ts, so that a path from there is one from here.
  const file = join(directory, `program-${hash.digest("hex").slice(0, 16)}.js`);
  if (!fs.existsSync(file)) build(file);
  return file;
}

/**
 * Whoever builds the same at the same time writes the same; nobody sees half a file.
 *
 * @param {string} file
 */
function build(file) {
  let outputs;
  try {
    outputs = require("esbuild").buildSync({
      absWorkingDir: top,
      entryPoints: ["start/entry.js"],
      outfile: file,
      write: false,
      bundle: true,
      platform: "node",
      format: "cjs",
      packages: "external",
      supported: { "dynamic-import": false },
      sourcemap: true,
      sourcesContent: false,
      logLevel: "silent",
    }).outputFiles;
  } catch (error) {
    // Pulumi shows the message of this one alone.
    throw new RunError(
      `the program cannot be built: ${reason(/** @type {import("esbuild").BuildFailure} */ (error))}`,
    );
  }
  fs.mkdirSync(directory, { recursive: true });
  // The map comes first: where the program is, its map is too.
  for (const { path, contents } of outputs.sort((a, b) => b.path.length - a.path.length)) {
    const beside = `${path}.${process.pid}`;
    fs.writeFileSync(beside, contents);
    fs.renameSync(beside, path);
  }
  removeOld();
}

/**
 * The first error, with its place; otherwise it is esbuild itself that is missing.
 *
 * @param {import("esbuild").BuildFailure} failure
 */
function reason({ errors, message }) {
  if (!errors) return `${message.split("\n")[0]}; run: npm ci --ignore-scripts`;
  const [{ location, text }] = errors;
  return location ? `${location.file}:${location.line}:${location.column + 1}: ${text}` : text;
}

function removeOld() {
  const day = 24 * 60 * 60 * 1000;
  for (const name of fs.readdirSync(directory)) {
    if (!/^program-[0-9a-f]{16}\.js/.test(name)) continue;
    const path = join(directory, name);
    const { mtimeMs } = fs.statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity };
    if (mtimeMs < Date.now() - day) fs.rmSync(path, { force: true });
  }
}

module.exports = { built };
