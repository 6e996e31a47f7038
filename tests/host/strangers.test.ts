import { deploy, pretendSystemd } from "./support/deployed";
import { eventually, Host, Hosts, masterName } from "./support/hosts";

// Sentinels that remember what is no member are helped by the steps without losing the epoch by which they know what
// is newer.

jest.setTimeout(120000);

let hosts: Hosts;
let consoleHost: Host, app1: Host, app2: Host;

beforeAll(async () => {
  hosts = new Hosts();
  // On a busy machine, too.
  hosts.limit("ask_timeout", 20);
  hosts.limit("find_limit", 60);
  [consoleHost, app1, app2] = hosts.all;
  for (const host of hosts.all) {
    deploy(host);
    pretendSystemd(host);
    host.write("bootstrap", "console\n");
  }
  for (const host of hosts.all) await host.composeAndStart("node");
  for (const host of hosts.all) host.write("initialised", "");
  for (const host of hosts.all) await host.composeAndStart("sentinel");
  await eventually(20, () => hosts.all.every((host) => knows(host, 2)));
});

afterAll(() => hosts.destroy());

const fields = (host: Host) =>
  new Map(
    host
      .ask("sentinel", "sentinel", "master", masterName)
      .split("\n")
      .map((name, index, all) => [name, all[index + 1]]),
  );
const named = (host: Host) =>
  hosts.all.find(({ address }) => address === fields(host).get("ip"))?.name;
const epoch = (host: Host) => fields(host).get("config-epoch");
/** Whether it watches a master that is well, with so many replicas and the two other sentinels. */
const knows = (host: Host, replicas: number) =>
  fields(host).get("flags") === "master" &&
  fields(host).get("num-slaves") === String(replicas) &&
  fields(host).get("num-other-sentinels") === "2";

/** Has the first one's sentinel fail over; all that are asked name another master afterwards, with its replicas. */
async function failOver(...asked: Host[]): Promise<string | undefined> {
  const before = named(asked[0]);
  asked[0].ask("sentinel", "sentinel", "failover", masterName);
  await eventually(30, () =>
    asked.every((host) => named(host) !== before && named(host) === named(asked[0])),
  );
  const master = hosts.all.find(({ name }) => name === named(asked[0]));
  await eventually(30, () => /slave1:.*online/.test(master?.ask("node", "info") ?? ""));
  return master?.name;
}

/** Has it remember a replica that nobody knows, as one that was there for a moment. */
async function haunt(host: Host): Promise<void> {
  await host.stop("sentinel", "SIGTERM");
  const ghost = `sentinel known-replica ${masterName} 127.0.0.1 1\n`;
  host.write("redis-sentinel.conf", host.read("redis-sentinel.conf") + ghost);
  await host.start("sentinel");
  await eventually(10, () => knows(host, 3));
}

const plan = "# plan 0123456789abcdef";

test("one that was away when strangers were forgotten does not turn the group to its old master", async () => {
  const old = await failOver(consoleHost, app1, app2);
  await app2.stop("sentinel", "SIGTERM");
  const master = await failOver(consoleHost, app1);
  expect(master).not.toBe(old);
  await haunt(consoleHost);
  await haunt(app1);

  const steps = [consoleHost, app1].map((host) => host.tell("sentinel-start", [plan]));
  for (const outcome of await Promise.all(steps))
    expect(outcome).toMatchObject({ status: 0, stderr: "" });
  // While one is away nobody forgets anything.
  expect(await consoleHost.tell("sentinel-stop", [plan])).toMatchObject({ status: 0, stderr: "" });
  for (const host of [consoleHost, app1]) expect([named(host), epoch(host)]).toEqual([master, "2"]);

  await app2.start("sentinel");
  await eventually(20, () => named(app2) === master && knows(app2, 2));
  expect(hosts.all.map(named)).toEqual([master, master, master]);

  expect(await consoleHost.tell("sentinel-stop", [plan])).toMatchObject({ status: 0, stderr: "" });
  expect(hosts.all.map((host) => [named(host), epoch(host), knows(host, 2)])).toEqual(
    hosts.all.map(() => [master, "2", true]),
  );
});

test("one that was made to watch nobody, or a stranger, has the epoch of the others again", async () => {
  const master = named(consoleHost);
  const sentinel = (host: Host, ...words: string[]) => host.ask("sentinel", "sentinel", ...words);
  for (const host of [app1, app2]) sentinel(host, "remove", masterName);
  sentinel(app2, "monitor", masterName, "127.0.0.1", "1", "2");
  const steps = [app1, app2].map((host) => host.tell("sentinel-start", [plan]));
  for (const outcome of await Promise.all(steps)) expect(outcome).toMatchObject({ status: 0 });
  expect(await app1.tell("sentinel-stop", [plan])).toMatchObject({ status: 0, stderr: "" });
  await eventually(10, () => hosts.all.every((host) => knows(host, 2)));
  expect(hosts.all.map((host) => [named(host), epoch(host)])).toEqual(
    hosts.all.map(() => [master, "2"]),
  );
  expect(fields(app2).get("failover-timeout")).toBe("10000");
});
