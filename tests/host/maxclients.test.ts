import { connect, Socket } from "node:net";
import { deploy, pretendSystemd } from "./support/deployed";
import { eventually, Host, Hosts } from "./support/hosts";

// A node all of whose connections are taken by clients that do nothing: whoever asks it says so, in Redis's own words.

jest.setTimeout(60000);

let hosts: Hosts;
let host: Host;
const idle: Socket[] = [];

beforeAll(async () => {
  hosts = new Hosts(["console"], []);
  hosts.limit("gate_patience", 0);
  [host] = hosts.all;
  deploy(host);
  host.write("bootstrap", "console\n");
  await host.composeAndStart("node");
  pretendSystemd(host);
  host.write("initialised", "");
  host.write("staged/redis.conf", `${host.read("staged/redis.conf")}maxclients 1000\n`);
  host.ask("node", "CONFIG", "SET", "maxclients", "20");
  for (let i = 0; i < 30; i++) idle.push(connect(6389, host.address).on("error", () => null));
  await eventually(10, () => !host.ask("node", "PING").includes("PONG"));
});

afterAll(async () => {
  for (const each of idle) each.destroy();
  await hosts.destroy();
});

const said =
  "ERR max number of clients reached: a restart of its service there ends them; then set " +
  "redis-cluster:redis.timeout, or raise redis.maxclients";

test.each([
  ["node-roll", `error: the node runs but does not tell its role: ${said}; expected an answer`],
  ["node-roll-master", `:6389: ${said}; expected an answer`],
  ["gate", `:6389: ${said}; expected an answer`],
  ["leave", `stops without a handover: this node does not answer: ${said}`],
])("%s", async (verb, expected) => {
  const { stderr } = await host.tell(verb, ["# plan 0123456789abcdef"]);
  expect(stderr).toContain("redis-cluster[console]: ");
  expect(stderr).toContain(expected);
});

test("drift", async () => {
  const { stdout } = await host.run("drift");
  expect(stdout).toContain(`console redis: wanted an answer, seen ${said}\n`);
});
