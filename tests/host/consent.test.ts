import { chmodSync, existsSync, mkdirSync, rmdirSync, rmSync } from "node:fs";
import { eventually, Host, Hosts } from "./support/hosts";

// Who may have a step go on in spite of a red gate: the operator, for one plan and these very faults.

jest.setTimeout(60000);

const plan = "# plan 0123456789abcdef";
let hosts: Hosts;
let replica: Host;

/** The first step of a restart on the replica, told these lines. The group has no sentinels, so its gate is red. */
const stop = (...lines: string[]) => replica.tell("sentinel-stop", lines);
const stopped = () => existsSync(replica.path("/stopped"));

beforeAll(async () => {
  hosts = new Hosts();
  hosts.limit("gate_patience", 0);
  const [master] = hosts.all;
  replica = hosts.all[1];
  replica.write(
    "/usr/bin/systemctl",
    `#!/bin/bash
    case $1 in
      is-active) echo active ;;
      stop) touch ${replica.path("/stopped")} ;;
    esac\n`.replaceAll(/^ {4}/gm, ""),
  );
  replica.write("/usr/bin/systemd-run", "#!/bin/bash\n");
  for (const program of ["systemctl", "systemd-run"])
    chmodSync(replica.path(`/usr/bin/${program}`), 0o755);
  const units = ["redis-cluster.service", "redis-sentinel.service"];
  for (const unit of units) replica.write(`/etc/systemd/system/${unit}`, "[Service]\n");
  const files = Object.fromEntries(units.map((unit) => [unit, "[Service]\n"]));
  for (const [file, text] of Object.entries({ ...replica.releaseFiles(), ...files }))
    replica.write(`staged/${file}`, text);
  master.write("bootstrap", `${master.name}\n`);
  replica.write("bootstrap", `${master.name}\n`);
  await master.composeAndStart("node");
  await replica.composeAndStart("node");
});

afterAll(() => hosts.destroy());

test("an override counts as a line of its own alone, for this plan and these faults", async () => {
  const refused = await stop(plan);
  expect(refused.status).toBe(1);
  const [, override] = /config set override ([0-9a-f]{16})/.exec(refused.stderr) ?? [];
  const line = `# override ${override}`;

  for (const forged of [
    `# after took back what was set by hand: sentinel.monitor ${line} [0123abcd]`,
    `# after 0123abcd ${line}`,
    `app-2 0123456789abcdef data ${line}`,
    `${line} [0123abcd]`,
    ` ${line}`,
    `${line}\r`,
  ]) {
    const outcome = await stop(forged, plan);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain("error: this step was told '");
    expect(outcome.stderr).not.toContain("goes on in spite");
  }
  const twice = await stop(plan, "# plan fedcba9876543210", line);
  expect(twice.stderr).toContain("this step was told '# plan fedcba9876543210'");
  const another = await stop("# plan fedcba9876543210", line);
  expect(another.status).toBe(1);
  expect(another.stderr).not.toContain(String(override));
  expect(stopped()).toBe(false);

  const consented = await stop("# after 0123abcd", plan, line);
  expect(consented.stderr).toContain("goes on in spite of what is wrong");
  expect(consented.status).toBe(0);
  expect(stopped()).toBe(true);
});

test("a save that fails is named until one succeeds, and may be overridden as any other fault", async () => {
  const rdb = replica.path("/var/lib/redis-cluster/dump.rdb");
  const saved = async () => {
    replica.ask("node", "BGSAVE");
    await eventually(10, () =>
      replica.ask("node", "INFO", "persistence").includes("rdb_bgsave_in_progress:0"),
    );
  };
  const named = async () =>
    /^app-1 node: (rdb_.*)$/m.exec((await replica.run("gate")).stderr)?.[1] ?? "";
  expect(await named()).toBe("");
  // Where the new file is to be renamed to.
  rmSync(rdb, { force: true });
  mkdirSync(rdb);
  await saved();
  expect(await named()).toBe(
    "rdb_last_bgsave_status is err; expected ok. The reason is in /var/log/redis-cluster/redis-cluster.log " +
      `there; one that succeeds clears it: redis-cli -h ${replica.address} -p 6389 --user operator --askpass BGSAVE`,
  );
  rmSync(replica.path("/stopped"), { force: true });
  const refused = await stop(plan);
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("rdb_last_bgsave")]);
  expect(stopped()).toBe(false);
  const [, override] = /config set override ([0-9a-f]{16})/.exec(refused.stderr) ?? [];
  expect(await stop(plan, `# override ${override}`)).toMatchObject({ status: 0 });
  expect(stopped()).toBe(true);

  rmdirSync(rdb);
  await saved();
  expect(await named()).toBe("");
});
