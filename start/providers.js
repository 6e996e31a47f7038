/** What the state's resources load, as `redis-cluster/providers`: the provider of that name, as it is in the project now. */
"use strict";
const { built } = require("./build");

/** @param {string} name */
module.exports = (name) => require(built()).provider(name);
