import * as pulumi from "@pulumi/pulumi";
import Redis, { RedisOptions } from "ioredis";

interface Endpoint {
  host: string;
  port: number;
}

/** What the group's stack tells. */
interface Found {
  name: string;
  sentinelEndpoints: Endpoint[];
  nodeEndpoints: Endpoint[];
  /** This stack's own secrets: the group's passphrase would open all of them. */
  password: string;
  /** Where the group has TLS: whom to trust, and the endpoints in the order of those above. */
  tls?: { authority: string; sentinelEndpoints: Endpoint[]; nodeEndpoints: Endpoint[] };
  clientCertificate?: ClientCertificate;
}

interface ClientCertificate {
  certificate: string;
  key: string;
}

const config = new pulumi.Config();
const group = new pulumi.StackReference(config.require("group"));
const username = "application";

/** What a client by TLS needs besides. While the group has both kinds of ports its sentinels tell the plain ones. */
function encryption({ tls, clientCertificate, ...plain }: Found): RedisOptions {
  if (!tls) return {};
  const options = {
    ca: tls.authority,
    cert: clientCertificate?.certificate,
    key: clientCertificate?.key,
  };
  const pairs = (["nodeEndpoints", "sentinelEndpoints"] as const).flatMap((kind) =>
    plain[kind].map(({ host, port }, i) => [`${host}:${port}`, tls[kind][i]] as const),
  );
  return {
    sentinels: tls.sentinelEndpoints,
    tls: options,
    sentinelTLS: options,
    enableTLSForSentinelMode: true,
    natMap: Object.fromEntries(pairs),
  };
}

/** A client that asks the sentinels where the master is, now and after every failover. */
function connect(found: Found): Redis {
  const { password } = found;
  const redis = new Redis({
    sentinels: found.sentinelEndpoints,
    name: found.name,
    sentinelUsername: username,
    sentinelPassword: password,
    username,
    password,
    ...encryption(found),
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
  pulumi
    .all({
      name: group.requireOutput("masterName"),
      sentinelEndpoints: group.requireOutput("sentinelEndpoints"),
      nodeEndpoints: group.requireOutput("nodeEndpoints"),
      password: config.requireSecret("password"),
      tls: group.getOutput("tls"),
      clientCertificate: config.getSecretObject<ClientCertificate>("clientCertificate"),
    })
    .apply((found) =>
      pulumi.runtime.isDryRun() ? "asked on up only" : greet(connect(found as Found)),
    ),
);
