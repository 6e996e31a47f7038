/** What is built into one file. Each part is loaded when it is asked for. */
"use strict";

exports.program = () => require("../index");

/** @param {string} name */
exports.provider = (name) => require(`../components/providers/${name}.ts`).provider;
