import { connect, Socket } from "node:net";
import { eventually, Host, Hosts, pause } from "./support/hosts";
import { deploy, pretendSystemd } from "./support/deployed";

// A node all of whose connections are taken by clients that do nothing.

jest.setTimeout(60000);

let hosts: Hosts;
let host: Host;
let idle: Socket[] = [];

beforeAll(async () => {
  hosts = new Hosts();
  hosts.limit("gate_patience", 0);
  for (const each of hosts.all) deploy(each);
  const [first] = hosts.all;
  host = first;
  host.write("bootstrap", "console\n");
  for (const each of hosts.all) await each.composeAndStart("node");
  for (const each of hosts.all) await each.composeAndStart("sentinel");
  pretendSystemd(host);
  host.write("initialised", "");
});

afterAll(async () => {
  for (const each of idle) each.destroy();
  await hosts.destroy();
});

test.each([
  ["node-start"],
  ["sentinel-stop"],
  ["node-roll"],
  ["sentinel-roll"],
  ["node-roll-master"],
  ["gate"],
  ["drift"],
  ["leave"],
])("%s", async (verb) => {
  if (idle.length === 0) {
    host.ask("node", "CONFIG", "SET", "maxclients", "20");
    idle = Array.from({ length: 30 }, () => connect(6389, host.address).on("error", () => null));
    await pause(500);
    host.write("staged/redis.conf", host.read("staged/redis.conf") + "maxclients 1000\n");
  }
  const outcome = await host.tell(verb, ["# plan 0123456789abcdef"]);
  console.log(verb, outcome);
});
