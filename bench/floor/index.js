"use strict";
const pulumi = require("@pulumi/pulumi");

class Resource extends pulumi.dynamic.Resource {
  constructor() {
    super({ create: async () => ({ id: "one" }) }, "one", {});
  }
}
new Resource();
