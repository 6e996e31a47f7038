/** What is built into one file. Each part is loaded when it is asked for. */
"use strict";

/** Its outputs. Pulumi warns of those that are undefined, in each run. */
exports.program = () =>
  Object.fromEntries(
    Object.entries(require("../index")).filter(([, value]) => value !== undefined),
  );

/** @param {string} name */
exports.provider = (name) => require(`../components/providers/${name}.ts`).provider;
