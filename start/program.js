/** What Pulumi runs (package.json): index.ts, built. */
"use strict";
require("./prepare");
const { built } = require("./build");

// The SDK notes for each promise where it was made, and looks up the place in the sources: a fifth of a run's time. It
// shows that only where it is asked to.
if (!process.env.PULUMI_DEBUG_PROMISE_LEAKS) {
  const inSources = Error.prepareStackTrace;
  Error.prepareStackTrace = (error, frames) =>
    frames[0]?.getFunctionName() === "debuggablePromise" ? "" : inSources(error, frames);
}

module.exports = require(built()).program();
