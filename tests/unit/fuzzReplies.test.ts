import fc from "fast-check";
import { judge, table } from "../../components/probe/gate";
import { nodeSaid, sentinelSaid } from "../../components/probe/daemons";
import { nasty } from "../helpers/nasty";

// Each property holds for some hundreds of values; a failure prints the seed to see it again.
fc.configureGlobal({ numRuns: 300 });

describe("what daemons reply", () => {
  const reply: fc.Arbitrary<unknown> = fc.oneof(
    fc.constantFrom(null, undefined, "", "OK", 0, [], [[]], ["name"], "role:master\r\n"),
    nasty,
    fc.array(fc.oneof(nasty, fc.constantFrom("ip", "port", "flags", "config-epoch", "7"))),
    fc.anything({ maxDepth: 2 }),
  );
  const fields = {
    name: "g",
    ip: "10.0.0.1",
    port: "6389",
    flags: "master",
    "config-epoch": "3",
    quorum: "2",
    "num-other-sentinels": "2",
  };
  const sentinel = (master: unknown, other: unknown) => ({
    call: (_: string, word: string) => Promise.resolve(word === "MASTER" ? master : other),
    info: () => Promise.resolve("sentinel_tilt:0\r\n"),
  });
  const said = async <Said>(answer: Promise<Said>) => {
    try {
      return { said: await answer };
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
      return { error: (error as Error).message };
    }
  };
  const at = (name: string) => ({ name, address: "10.0.0.1", port: 6389 });

  test("of any kind is an answer or an error that says what is missing, in one line", async () => {
    await fc.assert(
      fc.asyncProperty(reply, reply, async (one, other) => {
        const node = await said(
          nodeSaid({
            info: () => Promise.resolve(one as string),
            call: () => Promise.resolve(one),
          }),
        );
        const watcher = await said(sentinelSaid(sentinel(one, other) as never, "g"));
        if (watcher.error !== undefined) {
          expect(watcher.error).toMatch(/^SENTINEL MASTER |^INFO |convert/);
        }
        const answers = {
          nodes: [{ ...at("a"), ...node }],
          sentinels: [{ ...at("a"), ...watcher }],
        };
        expect(table(answers).split("\n")).toHaveLength(2);
        // eslint-disable-next-line no-control-regex
        expect(table(answers)).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f\u2028]/);
        expect(judge(answers, 1)).not.toEqual([]);
      }),
    );
  });

  test("with one field away or no number names that field", async () => {
    for (const name of Object.keys(fields).slice(1)) {
      const without = Object.entries(fields).filter(([each]) => each !== name);
      const { error } = await said(sentinelSaid(sentinel(without.flat(), "x") as never, "g"));
      expect(error).toContain(name);
    }
    for (const epoch of ["3a", "9".repeat(30), "-1", "", "\n", "0x3", "1e3"]) {
      const told = Object.entries({ ...fields, "config-epoch": epoch }).flat();
      const { error } = await said(sentinelSaid(sentinel(told, "x") as never, "g"));
      expect(error).toMatch(/^SENTINEL MASTER tells config-epoch ".*", expected a number$/);
    }
    const { said: whole } = await said(
      sentinelSaid(sentinel(Object.entries(fields).flat(), "id") as never, "g"),
    );
    expect(whole).toMatchObject({ master: "10.0.0.1:6389", epoch: 3, otherSentinels: 2 });
  });

  test("a value that is called as a field is not taken for it", async () => {
    const told = ["name", "ip", ...Object.entries(fields).slice(1).flat()];
    const { said: whole } = await said(sentinelSaid(sentinel(told, "id") as never, "g"));
    expect(whole ?? { master: "10.0.0.1:6389" }).toMatchObject({ master: "10.0.0.1:6389" });
  });

  test("a megabyte in one line is read in no time", async () => {
    const long = "slave0:" + "state=onlin,".repeat(1 << 16);
    const began = performance.now();
    await said(
      nodeSaid({
        info: () => Promise.resolve(long + "\r\nrole:master"),
        call: () => Promise.resolve([long]),
      }),
    );
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
