import { cpSync, existsSync } from "node:fs";
import { Host, Hosts } from "./support/hosts";

jest.setTimeout(60000);

let hosts: Hosts;
let app1: Host;

beforeEach(() => {
  hosts = new Hosts();
  app1 = hosts.all[1];
  cpSync(app1.path("releases/one"), app1.path("staged"), { recursive: true });
  // What is started is up at once, and nobody answers.
  app1.write("staged/members", `${app1.releaseFiles().members}limits 1 1\n`);
  app1.program(
    "systemctl",
    `echo "$*" >>${app1.path("/told")}
    case $1 in
      is-active) [[ ! -e ${app1.path("/up")}.$2 ]] || echo active ;;
      start) touch "${app1.path("/up")}.\${!#}" ;;
    esac`,
  );
});

afterEach(() => hosts.destroy());

/** What node-start had systemd start, on a host where no daemon runs. */
async function started(...told: string[]): Promise<string[]> {
  const outcome = await app1.tell("node-start", told);
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
  return app1.read("/told").match(/^start .*$/gm) ?? [];
}

describe("node-start", () => {
  test("on a host of a group that was whole, the sentinel starts before the node is waited for", async () => {
    app1.write("initialised", "");
    expect(await started()).toEqual([
      "start --no-block redis-sentinel.service",
      "start --no-block redis-cluster.service",
    ]);
  });

  test("in a first deployment the sentinels wait until all nodes are up", async () => {
    expect(await started("bootstrap console")).toEqual(["start --no-block redis-cluster.service"]);
    expect(app1.read("bootstrap")).toBe("console\n");
  });

  test("the mark is a member's name or none", async () => {
    const { status, stderr } = await app1.tell("node-start", ["bootstrap app-9"]);
    expect([status, stderr]).toEqual([1, expect.stringContaining("is 'app-9'; expected one of")]);
    await started();
    expect(existsSync(app1.path("bootstrap"))).toBe(false);
  });
});
