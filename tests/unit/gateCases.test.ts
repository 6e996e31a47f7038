import { readFileSync } from "node:fs";
import { join } from "node:path";
import Redis from "ioredis";
import { Answers, judge } from "../../components/probe/gate";
import { nodeSaid, sentinelSaid } from "../../components/probe/daemons";

// The check at the end of a run, held against the cases that the host program's gate is held against too.

type Reply = string | number | { error: string } | Record<string, string | null>;
type Replies = Record<string, Reply>;
type When = "gate" | "turn" | "check";
interface Case {
  name: string;
  but: Record<string, Replies | null>;
  fails: string[] | { gate: string[]; check: string[] };
}

const top = join(__dirname, "..", "..");
const { conditions, members, quorum, masterName, whole, cases } = JSON.parse(
  readFileSync(join(top, "tests/gate/cases.json"), "utf8"),
) as {
  conditions: Record<string, When[]>;
  members: Record<string, string>;
  quorum: number;
  masterName: string;
  whole: Record<"sentinel" | "master" | "replica", Replies>;
  cases: Case[];
};

/** A daemon that replies as a case says. */
function daemon(
  host: string,
  kind: keyof typeof whole,
  but: Replies,
): Pick<Redis, "info" | "call"> {
  const reply = (words: string[]): Promise<unknown> => {
    const command = words.join(" ");
    const keys = Object.keys({ ...whole[kind], ...but })
      .sort()
      .reverse();
    const key = keys.find((each) => command.startsWith(each)) ?? "";
    const told = but[key] ?? whole[kind][key];
    if (typeof told === "string") return Promise.resolve(told.replace("HOST", host));
    if (typeof told === "number") throw new Error(`${command} is none of this check's questions`);
    if (typeof told.error === "string") return Promise.reject(new Error(told.error));
    const fields = Object.entries({ ...(whole[kind][key] as object), ...told }).filter(
      (pair): pair is [string, string] => typeof pair[1] === "string",
    );
    if (key === "SENTINEL REPLICAS")
      return Promise.resolve(
        fields.map(([place, flags]) => {
          const [ip, port] = place.split(":");
          return ["ip", ip, "port", port, "flags", flags];
        }),
      );
    return Promise.resolve(
      key.startsWith("INFO")
        ? fields.map(([name, value]) => `${name}:${value}\r\n`).join("")
        : fields.flat(),
    );
  };
  return {
    call: (...words: unknown[]) => reply(words.map(String)),
    info: (...sections: unknown[]) => reply(["INFO", ...sections.map(String)]),
  } as Pick<Redis, "info" | "call">;
}

async function answers(but: Case["but"]): Promise<Answers> {
  const ask = <Said>(
    port: number,
    daemonName: "node" | "sentinel",
    said: (redis: Pick<Redis, "info" | "call">, host: string) => Promise<Said>,
  ) =>
    Promise.all(
      Object.entries(members).map(async ([name, address]) => {
        const replies = but[`${name} ${daemonName}`];
        const kind =
          daemonName === "node" ? (name === "console" ? "master" : "replica") : "sentinel";
        const endpoint = { name, address, port };
        if (replies === null) return { ...endpoint, error: "Connection refused" };
        try {
          return { ...endpoint, said: await said(daemon(name, kind, replies ?? {}), name) };
        } catch (error) {
          return { ...endpoint, error: (error as Error).message };
        }
      }),
    );
  return {
    nodes: await ask(6389, "node", nodeSaid),
    sentinels: await ask(26389, "sentinel", (redis) => sentinelSaid(redis, masterName)),
  };
}

const expected = ({ fails }: Case) =>
  (Array.isArray(fails) ? fails : fails.check)
    .filter((each) => conditions[each.split(" ")[1]].includes("check"))
    .sort();

test.each(cases.map((each) => [each.name, each] as const))("%s", async (_, each) => {
  const problems = judge(await answers(each.but), quorum);
  expect(problems.map(({ host, condition }) => `${host} ${condition}`).sort()).toEqual(
    expected(each),
  );
});

test("each condition is in some case, and in the table of docs/architecture.md as it is judged", () => {
  const seen = new Set(
    cases.flatMap((each) => [
      ...expected(each),
      ...(Array.isArray(each.fails) ? each.fails : each.fails.gate),
    ]),
  );
  expect([...new Set([...seen].map((each) => each.split(" ")[1]))].sort()).toEqual(
    Object.keys(conditions).sort(),
  );
  const rows = readFileSync(join(top, "docs/architecture.md"), "utf8").matchAll(
    /^\| `((?:sentinel|master|node|replica|host)-\w+)` \|.*\| ([a-z, ]+) \|$/gm,
  );
  expect(Object.fromEntries([...rows].map(([, name, when]) => [name, when.split(", ")]))).toEqual(
    conditions,
  );
});
