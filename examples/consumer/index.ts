import * as pulumi from "@pulumi/pulumi";
import Redis from "ioredis";

interface Group {
  masterName: string;
  sentinelEndpoints: { host: string; port: number }[];
  credentials: { username: string; password: string };
}

const stack = new pulumi.StackReference(new pulumi.Config().require("group"));
const group: pulumi.Output<Group> = pulumi.output({
  masterName: stack.requireOutput("masterName"),
  sentinelEndpoints: stack.requireOutput("sentinelEndpoints"),
  credentials: stack.requireOutput("credentials"),
});

/** A client that asks the sentinels where the master is, now and after every failover. */
function connect({ masterName, sentinelEndpoints, credentials }: Group): Redis {
  const { username, password } = credentials;
  return new Redis({
    sentinels: sentinelEndpoints,
    name: masterName,
    sentinelUsername: username,
    sentinelPassword: password,
    username,
    password,
    // A service goes on trying for ever; a deployment should end and say what is wrong.
    sentinelRetryStrategy: (tries) => (tries < 5 ? 500 : null),
    maxRetriesPerRequest: 5,
  });
}

async function greet(group: Group): Promise<string | null> {
  const redis = connect(group);
  // Commands reject with the last error; without a listener it would be printed as well.
  redis.on("error", () => undefined);
  try {
    await redis.set("consumer:greeting", "hello from the consumer stack");
    return await redis.get("consumer:greeting");
  } finally {
    redis.disconnect();
  }
}

/** What was read back. Nothing is asked in a preview, which may run without a route to the group. */
export const greeting = pulumi.unsecret(
  group.apply((found) => (pulumi.runtime.isDryRun() ? "asked on up only" : greet(found))),
);
