import { AddressInfo, connect, createServer, Socket } from "net";
import { askGroup } from "../../components/probe/daemons";
import { openRoute, RouteArgs } from "../../components/probe/route";
import { addressOf, Answers, judge, table } from "../../components/probe/gate";
import { eventually, masterName, operatorPassword, startRedisGroup } from "../helpers/redisGroup";
import type { RedisGroup } from "../helpers/redisGroup";
import { load } from "../helpers/load";
import { endless, liar } from "./support/liar";
import { keyPair, SshServer, startSshServer } from "../helpers/sshServer";

jest.setTimeout(60000);

const names = ["console", "app-1", "app-2"];
const key = keyPair();
let group: RedisGroup;
let servers: SshServer[];

beforeAll(async () => {
  group = startRedisGroup(names);
  servers = await Promise.all(
    group.nodes.map(({ address }) => startSshServer(address, key.public)),
  );
  await eventually(30, async () => judge(await ask({}), 2).length === 0);
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await group.destroy();
});

function routeArgs(): RouteArgs {
  return {
    hosts: servers.map((server, i) => ({ ...server, name: names[i] })),
    privateKey: key.private,
  };
}

async function ask(
  changes: Partial<RouteArgs>,
  password = operatorPassword,
  seconds = 5,
): Promise<Answers> {
  const route = openRoute({ ...routeArgs(), ...changes });
  try {
    return await askGroup({ masterName, ...group, operatorPassword: password }, route, seconds);
  } finally {
    route.close();
  }
}

function errors(answers: Answers): (string | undefined)[] {
  return [...answers.nodes, ...answers.sentinels].map(({ error }) => error);
}

test("a whole group is found whole, over one connection a host, whatever SSH_AUTH_SOCK says", async () => {
  process.env.SSH_AUTH_SOCK = "/nonexistent/agent";
  const before = servers.map((server) => server.logins());
  const answers = await ask({});
  delete process.env.SSH_AUTH_SOCK;
  expect(judge(answers, 2)).toEqual([]);
  expect(servers.map((server, i) => server.logins() - before[i])).toEqual([1, 1, 1]);
  expect(answers.nodes.map(({ said }) => said?.role)).toEqual(["master", "replica", "replica"]);
  expect(answers.sentinels[0].said).toMatchObject({
    master: addressOf(group.nodes[0]),
    flags: "master",
    epoch: 0,
    quorum: 2,
    replicas: expect.arrayContaining(group.nodes.slice(1).map(addressOf)) as string[],
    otherSentinels: 2,
    tilt: false,
  });
});

test("a group under 10 MB/s of writes is found whole each time", async () => {
  const [{ address, port }] = group.nodes;
  const writer = load(
    { host: address, port, username: "operator", password: operatorPassword },
    10e6,
  );
  const found: string[][] = [];
  for (let n = 0; n < 20; n++) {
    const before = writer.bytes();
    const problems = judge(await ask({}), 2).map(({ message }) => message);
    await eventually(10, () => Promise.resolve(writer.bytes() > before + 1e6));
    found.push(problems);
  }
  await writer.stop();
  expect(found).toEqual(Array(20).fill([]));
});

test("a bastion leads to all hosts over one connection", async () => {
  const bastion = await startSshServer("127.0.0.1", key.public);
  const answers = await ask({ bastion });
  expect(judge(answers, 2)).toEqual([]);
  expect(bastion.logins()).toBe(1);
  await bastion.stop();
});

test("a refused connection is tried again, to a bastion and from there to a host: a firewall may count them", async () => {
  const refusing = await Promise.all(
    [servers[0], servers[1]].map((server) => lateTo(server, 2500)),
  );
  const [bastion, host] = servers.map((server, i) => ({ ...server, port: refusing[i]?.port }));
  const route = openRoute({ ...routeArgs(), bastion, hosts: [{ ...host, name: "app-1" }] });
  try {
    expect(await route.run("app-1", "true")).toMatchObject({ status: 127 });
  } finally {
    route.close();
    for (const { end } of refusing) end();
  }
});

/** A port at which a server is reached that many milliseconds later; until then it refuses. */
async function lateTo(
  server: SshServer,
  milliseconds: number,
): Promise<{ port: number; end: () => void }> {
  const open = new Set<Socket>();
  const relay = createServer((client) => {
    const onward = connect(server.port, server.host);
    for (const [one, other] of [
      [client, onward],
      [onward, client],
    ]) {
      open.add(one);
      one.pipe(other).on("error", () => one.destroy());
    }
  });
  const listening = (port: number) =>
    new Promise<number>((resolve) =>
      relay.listen(port, server.host, () => resolve((relay.address() as AddressInfo).port)),
    );
  const port = await listening(0);
  await new Promise((resolve) => relay.close(resolve));
  const timer = setTimeout(() => void listening(port), milliseconds);
  return {
    port,
    end: () => {
      clearTimeout(timer);
      for (const socket of open) socket.destroy();
      relay.close();
    },
  };
}

test("a host key that is not the pinned one is an error that names the host", async () => {
  const { hosts } = routeArgs();
  const wrong = hosts.map((host) =>
    host.name === "app-1" ? { ...host, hostKey: keyPair().public } : host,
  );
  const answers = await ask({ hosts: wrong });
  expect(answers.nodes.map(({ error }) => Boolean(error))).toEqual([false, true, false]);
  expect(answers.nodes[1].error).toMatch(
    /^app-1 \(ssh deploy@[\d.]+:\d+\): host key is SHA256:\S{43}, expected SHA256:\S{43}/,
  );
});

test("the bastion's host key is pinned as well", async () => {
  const bastion = await startSshServer("127.0.0.1", key.public);
  const answers = await ask({ bastion: { ...bastion, hostKey: keyPair().public } });
  for (const error of errors(answers)) expect(error).toMatch(/^bastion .*host key is SHA256:/);
  await bastion.stop();
});

test("a key that the hosts do not know, and no key at all", async () => {
  const refused = await ask({ privateKey: keyPair().private });
  for (const error of errors(refused)) expect(error).toMatch(/^\S+ \(ssh deploy@.*authentication/);
  const broken = await ask({ privateKey: "SECRET, but no key" });
  for (const error of errors(broken)) expect(error).toMatch(/^\S+ \(ssh deploy@.*[Kk]ey/);
  expect(table(broken)).not.toContain("SECRET");
});

test("a wrong password is said by every daemon and told nobody", async () => {
  const answers = await ask({}, "not-the-password-of-the-operator");
  for (const error of errors(answers)) expect(error).toContain("WRONGPASS");
  expect(table(answers)).not.toContain("not-the-password");
});

test("an sshd that forbids forwarding", async () => {
  const strict = await startSshServer("127.0.0.1", key.public);
  strict.forwards = false;
  const hosts = routeArgs().hosts.map((host) =>
    host.name === "app-2" ? { ...strict, name: "app-2" } : host,
  );
  const answers = await ask({ hosts });
  expect(answers.nodes[2].error).toContain("AllowTcpForwarding");
  await strict.stop();
});

test("a sentinel that is down is missed by name", async () => {
  await group.stop("sentinel", "app-2");
  const answers = await ask({});
  expect(answers.sentinels[2].error).toContain(addressOf(group.sentinels[2]));
  expect(judge(answers, 2)).toContainEqual({
    condition: "sentinel-answers",
    host: "app-2",
    message: expect.stringContaining("does not answer") as string,
  });
  group.start("sentinel", "app-2");
  await eventually(30, async () => judge(await ask({}), 2).length === 0);
});

test("a daemon that hangs and a host that is away cost no more than the bound", async () => {
  group.signal("node", "app-1", "SIGSTOP");
  const hosts = routeArgs().hosts.map((host) =>
    host.name === "app-2" ? { ...host, host: "127.0.0.9", port: 9 } : host,
  );
  const began = performance.now();
  const answers = await ask({ hosts }, operatorPassword, 2);
  const took = performance.now() - began;
  group.signal("node", "app-1", "SIGCONT");
  expect(took).toBeLessThan(3000);
  expect(answers.nodes[1].error).toBe("silent for 2 s");
  expect(answers.sentinels[1].said).toBeDefined();
  expect(answers.nodes[2].error).toContain("app-2 (ssh deploy@127.0.0.9:9)");
});

test("a reply without an end costs no memory, and is said to be one", async () => {
  const one = await liar("127.0.0.1", () => endless("$1073741824\r\n"));
  const endpoint = { name: names[0], address: "127.0.0.1", port: one.port };
  const route = openRoute(routeArgs());
  const group = { masterName, nodes: [endpoint], sentinels: [endpoint], operatorPassword };
  const answers = await askGroup(group, route, 20);
  route.close();
  expect(errors(answers)).toEqual(Array(2).fill("answers with more than 1048576 bytes"));
  expect(one.taken()).toBeLessThan(200 << 20);
  await one.stop();
});

test("a host that prints without an end is not listened to", async () => {
  const server = await startSshServer("127.0.0.1", key.public);
  server.answer = () => ({ stdout: "x".repeat(8 << 20), status: 0 });
  const route = openRoute({ ...routeArgs(), hosts: [{ ...server, name: "console" }] });
  await expect(route.run("console", "true")).rejects.toThrow(
    "console: says more than 1048576 bytes",
  );
  route.close();
  await server.stop();
});
