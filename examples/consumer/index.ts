import * as pulumi from "@pulumi/pulumi";
import Redis from "ioredis";

interface Endpoint {
  host: string;
  port: number;
}

interface Credentials {
  username: string;
  password: string;
}

const group = new pulumi.StackReference(new pulumi.Config().require("group"));
const user = "application";
const outputs = ["masterName", "sentinelEndpoints", "credentials"];

/** A client that asks the sentinels where the master is, now and after every failover. */
function connect(name: string, sentinels: Endpoint[], credentials: Credentials): Redis {
  const { username, password } = credentials;
  const redis = new Redis({
    sentinels,
    name,
    sentinelUsername: username,
    sentinelPassword: password,
    username,
    password,
    // A service goes on trying for ever; a deployment should end and say what is wrong.
    sentinelRetryStrategy: (tries) => (tries < 5 ? 500 : null),
    maxRetriesPerRequest: 5,
  });
  // Commands reject with the last error; without a listener it would be printed as well.
  redis.on("error", () => undefined);
  return redis;
}

async function greet(redis: Redis): Promise<string | null> {
  try {
    await redis.set("consumer:greeting", "hello from the consumer stack");
    return await redis.get("consumer:greeting");
  } finally {
    redis.disconnect();
  }
}

/** What was read back. Nothing is asked in a preview, which may run without a route to the group. */
export const greeting = pulumi.unsecret(
  pulumi.all(outputs.map((output) => group.requireOutput(output))).apply((found) => {
    if (pulumi.runtime.isDryRun()) return "asked on up only";
    const [name, sentinels, all] = found as [string, Endpoint[], Record<string, Credentials>];
    return greet(connect(name, sentinels, all[user]));
  }),
);
