import { refusedChanges, refusedNames } from "../../components/release/refusals";

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
