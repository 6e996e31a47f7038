import { once } from "events";
import { AddressInfo, createServer } from "net";
import { provider } from "../../components/providers/decommission";
import { keyPair, SshServer, startSshServer } from "../helpers/sshServer";

// Who is asked to leave, and what becomes of the run where he cannot: hosts are SSH servers in this process.

// A refused login is tried again for eleven seconds.
jest.setTimeout(60000);

type Inputs = Parameters<NonNullable<typeof provider.update>>[2];

const key = keyPair();
const names = ["app-1", "app-2", "app-3"];
const asked: string[] = [];
let servers: SshServer[];
let all: Inputs;

beforeAll(async () => {
  servers = await Promise.all(names.map(() => startSshServer("127.0.0.1", key.public)));
  all = of(...names);
});

afterAll(() => Promise.all(servers.map((server) => server.stop())));

beforeEach(() => {
  asked.length = 0;
  for (const [i, server] of servers.entries())
    server.answer = (command) => {
      asked.push(`${names[i]}: ${command}`);
      return {
        stdout: "Welcome!\nhanded over to 10.0.0.1:6389; stopped for good [0123abcd]\n",
        status: 0,
      };
    };
});

/** A group of these hosts. */
function of(...members: string[]): Inputs {
  const hosts = members.map((name) => {
    const { host, port, user, hostKey } = servers[names.indexOf(name)];
    return { name, host, port, user, hostKey };
  });
  return {
    hosts,
    privateKey: key.private,
    nodes: members.map((name) => ({ name, address: `127.0.0.${names.indexOf(name) + 1}` })),
    sentinels: members.slice(0, 1),
    nodeless: [],
    gone: [],
    ports: [6389, 26389],
    plan: "0123456789abcdef",
    limit: 20,
    sources: "x",
  };
}

const update = (news: Inputs) => provider.update!("decommission", all, news);

test("the host that was taken off is asked, and no other; what it did is shown", async () => {
  const shown = jest.spyOn(console, "log").mockImplementation(() => undefined);
  await update(of("app-1", "app-3"));
  expect(asked).toEqual([
    "app-2: sudo -n /usr/local/lib/redis-cluster/redis-cluster within 20 decommission",
  ]);
  expect(shown.mock.calls).toEqual([["app-2: handed over to 10.0.0.1:6389; stopped for good"]]);
  shown.mockRestore();
});

test("sentinels leave first, a node last; a host that stays gives up its sentinel alone", async () => {
  const shown = jest.spyOn(console, "log").mockImplementation(() => undefined);
  const before = { ...all, sentinels: names, nodeless: ["app-3"] };
  await provider.update!("decommission", before, { ...of("app-1"), sentinels: [] });
  shown.mockRestore();
  expect(asked.map((each) => each.replace(/ sudo .* decommission/, ""))).toEqual([
    "app-1: sentinel",
    "app-3:",
    "app-2:",
  ]);
});

test("nobody is asked where none leaves, or the group is new", async () => {
  await update(all);
  await update(of("app-1", "app-2", "app-3"));
  await provider.create(all);
  expect(asked).toEqual([]);
});

test("a host that refuses to leave, or cannot be asked, ends the run; the second with the way that works", async () => {
  servers[1].answer = () => ({ stderr: "redis-cluster[app-2]: error: not whole", status: 1 });
  await expect(update(of("app-1", "app-3"))).rejects.toThrow(/^app-2: .*error: not whole$/);
  await servers[1].stop();
  await expect(update(of("app-1", "app-3"))).rejects.toThrow(
    /^app-2 was taken off .* cannot be reached: .*\. Nothing was made live\. Put app-2 back .* config set --path 'gone\[0\]' app-2,/,
  );
});

test("one that is gone is asked nothing; where it answers by SSH, or a daemon of it the others, the run ends", async () => {
  const daemon = createServer().listen(0, "127.0.0.2");
  await once(daemon, "listening");
  const { port } = daemon.address() as AddressInfo;
  const news: Inputs = { ...of("app-1", "app-3"), gone: ["app-2"], ports: [port, 1] };
  await expect(update(news)).rejects.toThrow(
    new RegExp(
      `^redis-cluster:gone has app-2, and app-1 reaches 127\\.0\\.0\\.2:${port}, app-3 reaches .*; expected a host that is dead`,
    ),
  );
  daemon.close();
  await once(daemon, "close");
  const shown = jest.spyOn(console, "log").mockImplementation(() => undefined);
  await update(news);
  expect(shown.mock.calls).toEqual([["app-2: gone; nobody reaches it"]]);
  shown.mockRestore();
  servers[1] = await startSshServer("127.0.0.1", key.public);
  all = of(...names);
  await expect(update({ ...news, hosts: of("app-1", "app-3").hosts })).rejects.toThrow(
    /^redis-cluster:gone has app-2, and it answers by SSH; /,
  );
  expect(asked).toEqual([]);
});

test("a host that stays and cannot be reached tells nothing of one that is gone", async () => {
  await servers[1].stop();
  await servers[2].stop();
  await expect(update({ ...of("app-1", "app-3"), gone: ["app-2"] })).rejects.toThrow(/^app-3 /);
});

test("what one run cannot do is refused in the preview; another plan alone is no change", async () => {
  const { failures } = await provider.check!(all, of("app-1"));
  expect(failures).toEqual([
    { property: "nodes", reason: expect.stringMatching(/one host less/) as string },
  ]);
  const changed = async (news: Inputs) => (await provider.diff!("it", all, news)).changes;
  expect(await changed({ ...all, plan: "fedcba9876543210" })).toBe(false);
  expect(await changed(of("app-1", "app-3"))).toBe(true);
});
