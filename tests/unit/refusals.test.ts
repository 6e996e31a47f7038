import { provider } from "../../components/providers/changeClasses";
import {
  oneWayDoor,
  refusedChanges,
  refusedDowngrade,
  refusedNames,
} from "../../components/release/refusals";

describe("refusedChanges", () => {
  const redis = { appendonly: "yes", dbfilename: "dump.rdb", databases: "16" };
  const group = [{ name: "app-1", redis }];

  it("lets a new group and a new host have any", () => {
    expect(refusedChanges([], group)).toEqual([]);
    expect(refusedChanges(group, [...group, { name: "app-2", redis }])).toEqual([]);
  });

  it("refuses another value, naming host, key, seen and expected", () => {
    const changed = [{ name: "app-1", redis: { ...redis, appendonly: "no" } }];
    expect(refusedChanges(group, changed)).toEqual([
      expect.stringMatching(/^redis-cluster:redis\.appendonly is no on app-1; expected yes,/),
    ]);
  });

  it("lets databases be raised, not lowered", () => {
    const of = (databases: string) => [{ name: "app-1", redis: { ...redis, databases } }];
    expect(refusedChanges(group, of("17"))).toEqual([]);
    expect(refusedChanges(group, of("9"))).toHaveLength(1);
  });
});

describe("refusedNames", () => {
  const names = { masterName: "redis-dev-cluster", nodePort: "6389" };
  const withTls = { ...names, "tls.nodePort": "6390" };

  it("lets a new group have any, and ports for TLS come and go", () => {
    expect(refusedNames({}, names)).toEqual([]);
    expect(refusedNames(names, withTls)).toEqual([]);
    expect(refusedNames(withTls, names)).toEqual([]);
  });

  it("refuses another value, naming key, seen, expected and the command that sets it back", () => {
    const changed = { masterName: "other", nodePort: "7000", "tls.nodePort": "7001" };
    expect(refusedNames(withTls, changed)).toEqual([
      expect.stringMatching(
        /^redis-cluster:masterName is other; expected redis-dev-cluster, .* config set masterName redis-dev-cluster\./,
      ),
      expect.stringMatching(/^redis-cluster:nodePort is 7000; expected 6389,/),
      expect.stringMatching(/tls\.nodePort is 7001; .* set --path tls\.nodePort 6390\./),
    ]);
  });
});

describe("the package's version", () => {
  const [before, patch, next] = ["5:7.0.15-1~deb12u7", "5:7.0.15-1~deb12u10", "5:8.0.2-3+deb13u1"];

  it.each([
    ["is left to the hosts", undefined, undefined],
    ["is left to the hosts again", next, undefined],
    ["stays", next, next],
    ["is a patch", before, patch],
    ["is the patch before", patch, before],
  ])("%s: nothing is refused, and nothing told", (_, was, now) => {
    expect(refusedDowngrade(was, now)).toEqual([]);
    expect(oneWayDoor(was, now)).toBeUndefined();
  });

  it.each([
    [next, before],
    ["5:7.2.4-1", before],
    ["5:7.10.1-1", "5:7.9.9-1"],
  ])("from %s to %s: refused, and the other way told", (newer, older) => {
    expect(refusedDowngrade(newer, older)).toEqual([
      expect.stringMatching(
        /^redis-cluster:packageVersion is .*; expected none before \d+\.\d+: .* Set it back: /,
      ),
    ]);
    expect(oneWayDoor(newer, older)).toBeUndefined();
    expect(refusedDowngrade(older, newer)).toEqual([]);
    expect(oneWayDoor(older, newer)).toMatch(/there is no way back: .*Make a backup first/);
  });

  it("that is set for the first time is told with what it might be", () => {
    expect(refusedDowngrade(undefined, next)).toEqual([]);
    expect(oneWayDoor(undefined, next)).toMatch(
      /is 5:8\.0\.2-3\+deb13u1, and was left to the hosts until now\. Where one runs a Redis before 8\.0, there is no way back:/,
    );
  });

  it("is held against what the group has run with, in the preview", async () => {
    const group = { live: {}, restart: {}, created: [], foundBy: {}, sources: "" };
    const inputs = (packageVersion: string) => ({ ...group, packageVersion });
    const log = jest.spyOn(console, "log").mockImplementation();
    const down = await provider.check!(inputs(next), inputs(before));
    const up = await provider.check!(inputs(before), inputs(next));
    await provider.check!({} as never, inputs(next));
    const said = log.mock.calls.flat();
    log.mockRestore();
    expect(down.failures).toEqual([expect.objectContaining({ property: "packageVersion" })]);
    expect(up.failures).toEqual([]);
    expect(said).toEqual([
      expect.stringMatching(/^warning: redis-cluster:packageVersion goes from/),
    ]);
  });
});
