import { automation } from "@pulumi/pulumi";
import { cpSync, readFileSync, rmSync } from "fs";
import { connect as connectPlain } from "net";
import { join } from "path";
import { connect, ConnectionOptions, PeerCertificate } from "tls";
import { startWriter, Writer, WriterOptions } from "../writer";
import {
  address,
  ask,
  changes,
  eventually,
  failedUp,
  hosts,
  identities,
  lab,
  masterName,
  meanwhileOn,
  namedMaster,
  nodePort,
  nothingLost,
  on,
  openStack,
  sentinelPort,
  Stack,
  top,
  untilWhole,
  writerOn,
} from "../helpers/lab";
import { authority, Authority, Pair } from "../helpers/certificates";

// A group that was deployed without TLS goes to TLS alone, while clients write all the time.

let dev: Stack;

const tlsNodePort = 6390;
const tlsSentinelPort = 26390;

const set = (path: string, value: string) =>
  dev.stack.setConfig(`redis-cluster:tls.${path}`, { value }, true);

/** What an application of the stack trusts and shows, from the stack's outputs. */
async function credentials(): Promise<{ ca: string; cert: string; key: string }> {
  const { tls, clientCertificate } = await dev.stack.outputs();
  const client = clientCertificate.value as { certificate: string; key: string };
  expect(clientCertificate.secret).toBe(true);
  return {
    ca: (tls.value as { authority: string }).authority,
    cert: client.certificate,
    key: client.key,
  };
}

/** An application by TLS, which maps the ports that the sentinels tell as long as they tell the plain ones. */
async function tlsWriter(): Promise<Writer> {
  const { tls, nodeEndpoints, sentinelEndpoints } = await dev.stack.outputs();
  const places = tls.value as Record<string, WriterOptions["sentinels"]>;
  const named = (list: unknown) =>
    (list as WriterOptions["sentinels"]).map(({ host, port }) => `${host}:${port}`);
  const pairs = [
    ...named(nodeEndpoints.value).map((name, i) => [name, places.nodeEndpoints[i]]),
    ...named(sentinelEndpoints.value).map((name, i) => [name, places.sentinelEndpoints[i]]),
  ];
  return startWriter({
    sentinels: places.sentinelEndpoints,
    masterName,
    username: "application",
    password: dev.passwords.application,
    tls: await credentials(),
    natMap: Object.fromEntries(pairs) as WriterOptions["natMap"],
  });
}

/** Hangs the master until the sentinels have made another one, and lets it come back. */
async function failover(): Promise<void> {
  const master = (await namedMaster(dev))!;
  await meanwhileOn(master, "systemctl kill --kill-who=main -s STOP redis-cluster");
  await eventually("another master", 60, async () => {
    const now = await namedMaster(dev);
    return now !== undefined && now !== master;
  });
  await meanwhileOn(master, "systemctl kill --kill-who=main -s CONT redis-cluster");
  await untilWhole();
}

/** "connected", or the code of the error that a TLS connection to a node or sentinel ends with. */
function attempt(
  host: string,
  port: number,
  options: ConnectionOptions,
): Promise<{ end: string; certificate?: PeerCertificate }> {
  return new Promise((resolve) => {
    const socket = connect({ host: address(host), port, ...options });
    let certificate: PeerCertificate | undefined;
    const end = (text: string) => {
      socket.destroy();
      resolve({ end: text, certificate });
    };
    socket.once("secureConnect", () => {
      certificate = socket.getPeerCertificate();
      // With TLS 1.3 a server says only afterwards what it thinks of the client's certificate.
      socket.write("PING\r\n");
    });
    socket.once("data", () => end("connected"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once("close", () => end("closed"));
  });
}

/** The same in plain text. */
function plainAttempt(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectPlain({ host: address(host), port });
    const end = (text: string) => {
      socket.destroy();
      resolve(text);
    };
    socket.once("connect", () => end("connected"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

const of = (daemon: string, ids: Record<string, string>) =>
  Object.fromEntries(Object.entries(ids).filter(([name]) => name.endsWith(daemon)));

/** Serial numbers of the certificates that every node and sentinel shows. */
async function serials(): Promise<string[]> {
  const shown = await Promise.all(
    hosts.flatMap((host) =>
      [tlsNodePort, tlsSentinelPort].map((port) => attempt(host, port, { ...dev.tls })),
    ),
  );
  expect(shown.map(({ end }) => end)).toEqual(shown.map(() => "connected"));
  return shown.map(({ certificate }) => certificate!.serialNumber);
}

/** When each sentinel was last down, in microseconds of this machine's clock. */
function pauses(): { from: number; to: number }[] {
  return hosts
    .map((host) => {
      const text = on(
        host,
        "systemctl show redis-sentinel -p InactiveEnterTimestampMonotonic -p ActiveEnterTimestampMonotonic",
      );
      const at = (name: string) =>
        Number(new RegExp(`^${name}EnterTimestampMonotonic=(\\d+)$`, "m").exec(text)?.[1]);
      return { from: at("Inactive"), to: at("Active") };
    })
    .sort((a, b) => a.from - b.from);
}

beforeAll(async () => {
  lab("up");
  dev = await openStack("dev");
  await dev.stack.setConfig(
    "redis-cluster:sentinel.down-after-milliseconds",
    { value: "2000" },
    true,
  );
  await dev.stack.up();
});

it("refuses TLS alone on a group whose clients cannot have moved", async () => {
  const before = await identities(dev);
  await set("mode", "required");
  expect(await failedUp(dev)).toContain("tls.mode is required; expected both first");
  expect(await identities(dev)).toEqual(before);
});

it("both: plain clients go on, clients by TLS write too, and both survive a failover", async () => {
  const plain = await writerOn(dev);
  await set("mode", "both");
  await dev.stack.up();
  const encrypted = await tlsWriter();
  await failover();
  await nothingLost(encrypted);
  await nothingLost(plain);
});

it("required: refused while a plain client is connected, and told who it is", async () => {
  const plain = await writerOn(dev);
  await set("mode", "required");
  const said = await failedUp(dev);
  expect(said).toMatch(/clients are connected to port 6389, which is to close: application 10\./);
  await nothingLost(plain);
  await untilWhole();
});

it("required: the group moves while a client by TLS writes; no node restarts, no write is lost", async () => {
  const before = await identities(dev);
  const writer = await tlsWriter();
  await dev.stack.up();
  dev.tls = await credentials();
  const after = await identities(dev);
  expect(of("node", after)).toEqual(of("node", before));
  for (const host of hosts) expect(after[`${host} sentinel`]).not.toBe(before[`${host} sentinel`]);
  await failover();
  await nothingLost(writer);
  const { summary } = await dev.stack.up();
  expect(changes(summary.resourceChanges)).toEqual({});
});

it("required: the example of an application writes and reads by TLS", async () => {
  const directory = join(top, "build", "stack", "consumer-tls");
  rmSync(directory, { recursive: true, force: true });
  cpSync(join(top, "examples", "consumer"), directory, { recursive: true });
  const consumer = await automation.LocalWorkspace.createStack(
    { stackName: "tls", workDir: directory },
    { envVars: { PULUMI_CONFIG_PASSPHRASE: "consumer's" } },
  );
  await consumer.setConfig("consumer:group", { value: "organization/redis-cluster/dev" });
  await consumer.setConfig("consumer:password", { value: dev.passwords.application, secret: true });
  const { clientCertificate } = await dev.stack.outputs();
  for (const [part, value] of Object.entries(clientCertificate.value as Record<string, string>))
    await consumer.setConfig(`consumer:clientCertificate.${part}`, { value, secret: true }, true);
  const { outputs } = await consumer.up();
  expect(outputs.greeting.value).toBe("hello from the consumer stack");
});

it("required: plain ports are closed; no certificate, or one of another authority, is refused", async () => {
  const stranger = authority("stranger");
  for (const host of hosts) {
    for (const port of [nodePort, sentinelPort]) {
      expect(await plainAttempt(host, port)).toBe("ECONNREFUSED");
      const { ca } = dev.tls!;
      const refused = async (options: ConnectionOptions) =>
        (await attempt(host, port + 1, options)).end;
      expect(await refused({ ca })).toMatch(/CERTIFICATE_REQUIRED|closed|ECONNRESET/);
      const { certificate: cert, key } = stranger.issue("client", address(host));
      expect(await refused({ ca, cert, key })).toMatch(/UNKNOWN_CA|closed|ECONNRESET/);
      expect(await refused({ ...dev.tls, ca: stranger.certificate })).toMatch(
        /UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET_ISSUER/,
      );
      // What makes the four above mean something.
      expect(await refused({ ...dev.tls })).toBe("connected");
    }
  }
});

it("private keys are nowhere in plain state", async () => {
  const state = new URL(
    ".pulumi/stacks/redis-cluster/dev.json",
    `${process.env.PULUMI_BACKEND_URL}/`,
  );
  const text = readFileSync(state, "utf8");
  // Not toContain: what fails here must not be printed.
  expect(text.includes("BEGIN CERTIFICATE")).toBe(true);
  expect(text.includes("PRIVATE KEY")).toBe(false);
  const preview = await dev.stack.preview({ diff: true });
  expect(preview.stdout.includes("PRIVATE KEY")).toBe(false);
});

it("renewal: every daemon shows a new certificate; no node restarts, sentinels one by one", async () => {
  const [before, shown] = [await identities(dev), await serials()];
  const writer = await tlsWriter();
  await set("renew", "1");
  await dev.stack.up();
  await nothingLost(writer);
  const [after, now] = [await identities(dev), await serials()];
  expect(of("node", after)).toEqual(of("node", before));
  expect(now.filter((serial) => shown.includes(serial))).toEqual([]);
  const [first, second, third] = pauses();
  expect(first.to).toBeLessThan(second.from);
  expect(second.to).toBeLessThan(third.from);
  // A restart that this program does not do comes up with the new one.
  on("app-1", "systemctl restart redis-cluster");
  await untilWhole();
  expect(await serials()).toEqual(now);
});

it("there is no way back, and no other port was left open by asking for it", async () => {
  const before = await identities(dev);
  await set("mode", "both");
  expect(await failedUp(dev)).toContain("there is no way back on a running group");
  expect(await identities(dev)).toEqual(before);
});

describe("a group that begins with TLS alone and brings its own certificates", () => {
  let own: Authority;
  const next = authority("next");

  /** Sets certificates for all hosts, issued now and good for so many seconds; returns them. */
  const certificatesOf = async (issuer: Authority, seconds?: number) => {
    const issued = hosts.map((host) => ({
      host,
      ...issuer.issue(host, address(host), undefined, seconds),
    }));
    await useCertificates(issued);
    return issued;
  };

  const useCertificates = async (pairs: ({ host: string } & Pair)[]) => {
    for (const { host, certificate, key } of pairs) {
      await set(`certificates.${host}`, certificate);
      await dev.stack.setConfig(
        `redis-cluster:tlsKeys.${host}`,
        { value: key, secret: true },
        true,
      );
    }
  };

  beforeAll(async () => {
    await dev.stack.setConfig("redis-cluster:deleteData", { value: "true" });
    await set("mode", "required");
    await dev.stack.up();
    await dev.stack.destroy();
    own = authority("own");
    await set("authority", own.certificate);
    await certificatesOf(own);
    await dev.stack.up();
    const { certificate: cert, key } = own.issue("client", "10.0.0.1");
    dev.tls = { ca: own.certificate, cert, key };
  });

  it("is whole, and nobody of the old authority gets in", async () => {
    await untilWhole();
    for (const host of hosts) expect(await plainAttempt(host, nodePort)).toBe("ECONNREFUSED");
    expect((await dev.stack.outputs()).clientCertificate).toBeUndefined();
    expect(await ask(dev, { host: "app-1", daemon: "node" }, "PING")).toBe("PONG");
  });

  it("goes over to another authority in three runs and no faster, without a restart of a node", async () => {
    const [before, shown] = [of("node", await identities(dev)), await serials()];
    const issued = await certificatesOf(own);
    await set("authority", next.certificate);
    await certificatesOf(next);
    expect(await failedUp(dev)).toContain("is another than the one that this group trusts");
    await set("authority", own.certificate + next.certificate);
    await useCertificates(issued);
    await dev.stack.up();
    await certificatesOf(next);
    await dev.stack.up();
    await set("authority", next.certificate);
    await dev.stack.up();
    expect((await attempt("app-1", tlsNodePort, { ...dev.tls })).end).not.toBe("connected");
    const { certificate: cert, key } = next.issue("client", "10.0.0.1");
    dev.tls = { ca: next.certificate, cert, key };
    await untilWhole();
    expect(of("node", await identities(dev))).toEqual(before);
    expect((await serials()).filter((serial) => shown.includes(serial))).toEqual([]);
  });

  it("all certificates end: nobody gets in, and up renews them while who is in goes on writing", async () => {
    const seconds = 180;
    const end = Date.now() + seconds * 1000;
    await certificatesOf(next, seconds);
    await dev.stack.up();
    const [before, shown] = [await identities(dev), await serials()];
    const writer = await startWriter({
      sentinels: hosts.map((host) => ({ host: address(host), port: tlsSentinelPort })),
      masterName,
      username: "application",
      password: dev.passwords.application,
      tls: dev.tls,
    });
    await new Promise((resolve) => setTimeout(resolve, end + 2000 - Date.now()));
    for (const port of [tlsNodePort, tlsSentinelPort]) {
      expect((await attempt("app-1", port, { ...dev.tls })).end).toBe("CERT_HAS_EXPIRED");
    }
    expect(on("app-1", "/usr/local/lib/redis-cluster/redis-cluster gate 2>&1 || true")).toMatch(
      /app-1: its certificate or its authority ends 20/,
    );
    await certificatesOf(next);
    await dev.stack.up();
    await nothingLost(writer);
    await untilWhole();
    expect(of("node", await identities(dev))).toEqual(of("node", before));
    expect((await serials()).filter((serial) => shown.includes(serial))).toEqual([]);
    const { summary } = await dev.stack.up();
    expect(changes(summary.resourceChanges)).toEqual({});
  });
});
