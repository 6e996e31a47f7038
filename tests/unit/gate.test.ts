import {
  Answers,
  judge,
  NodeSaid,
  SentinelSaid,
  table,
  whatMoves,
} from "../../components/probe/gate";

const names = ["console", "app-1", "app-2"];
const master = "10.77.0.11:6389";

function whole(): Answers {
  return {
    nodes: names.map((name, index) => ({
      name,
      address: `10.77.0.${11 + index}`,
      port: 6389,
      said:
        index === 0
          ? {
              role: "master",
              loading: false,
              offset: 5e6,
              replays: true,
              failing: [],
              moves: "",
              onlineReplicas: ["10.77.0.12:6389", "10.77.0.13:6389"],
              linkUp: false,
              syncing: false,
            }
          : {
              role: "replica",
              loading: false,
              offset: 5e6,
              replays: true,
              failing: [],
              moves: "",
              onlineReplicas: [],
              master,
              linkUp: true,
              syncing: false,
            },
    })),
    sentinels: names.map((name, index) => ({
      name,
      address: `10.77.0.${11 + index}`,
      port: 26389,
      said: {
        myid: `id-${index}`,
        master,
        flags: "master",
        epoch: 3,
        quorum: 2,
        replicas: ["10.77.0.12:6389", "10.77.0.13:6389"],
        otherSentinels: 2,
        tilt: false,
        ckquorum: "OK 3 usable Sentinels. Quorum and failover authorization can be reached",
      },
    })),
  };
}

/** A whole group in which one sentinel or node says something else. */
function but(who: string, change: Partial<SentinelSaid> | Partial<NodeSaid>): Answers {
  const answers = whole();
  const [kind, name] = who.split(" ");
  const all = kind === "sentinel" ? answers.sentinels : answers.nodes;
  const said = all.find((each) => each.name === name)?.said;
  if (!said) throw new Error(`no ${who}`);
  Object.assign(said, change);
  return answers;
}

function problems(answers: Answers): string[] {
  return judge(answers, 2).map(({ host, message }) => `${host}: ${message}`);
}

test("a whole group has no problem", () => {
  expect(problems(whole())).toEqual([]);
});

test("a replica that has passed what its master told before is none", () => {
  expect(problems(but("node app-1", { offset: 5e6 + 2e7 }))).toEqual([]);
});

test.each<[string, Partial<SentinelSaid> | Partial<NodeSaid>, string]>([
  [
    "sentinel app-1",
    { master: "10.77.0.12:6389" },
    "app-1: sentinel names 10.77.0.12:6389 as master, expected 10.77.0.11:6389 as 2 of 3 do",
  ],
  ["sentinel app-1", { epoch: 2 }, "app-1: sentinel has config-epoch 2, expected 3"],
  [
    "sentinel app-1",
    { flags: "master,s_down" },
    'app-1: sentinel flags the master "master,s_down", expected "master"',
  ],
  [
    "sentinel app-1",
    { replicas: ["10.77.0.12:6389", "10.9.9.9:6379"] },
    "app-1: sentinel knows 1 of the members as replicas, expected 2",
  ],
  ["sentinel app-1", { otherSentinels: 1 }, "app-1: sentinel knows 1 other sentinels, expected 2"],
  ["sentinel app-1", { quorum: 1 }, "app-1: sentinel has quorum 1, expected 2"],
  [
    "sentinel app-1",
    { tilt: true },
    "app-1: sentinel is in TILT mode and acts on nothing; it ends after 30 quiet seconds",
  ],
  [
    "sentinel app-1",
    { ckquorum: "NOQUORUM 1 usable Sentinels." },
    'app-1: sentinel answers CKQUORUM with "NOQUORUM 1 usable Sentinels."',
  ],
  ["node app-1", { loading: true }, "app-1: node is loading its data"],
  [
    "node app-1",
    { replays: false },
    "app-1: node would drop transactions at a start from its AOF: its user default may not do all writes; pulumi refresh, then pulumi up, mends it",
  ],
  [
    "node app-1",
    { role: "master" },
    "app-1: node says it is a master, expected a replica of 10.77.0.11:6389",
  ],
  [
    "node app-1",
    { master: "10.77.0.13:6389" },
    "app-1: node replicates 10.77.0.13:6389, expected 10.77.0.11:6389",
  ],
  ["node app-1", { linkUp: false }, "app-1: node has no link to its master"],
  ["node app-1", { syncing: true }, "app-1: node is still being synced by its master"],
  ...[5e6 - 1, undefined].map((offset): [string, Partial<NodeSaid>, string] => [
    "node app-1",
    { offset },
    "app-1: node has not what its master had written, and comes no nearer",
  ]),
  ["node console", { offset: undefined }, "console: node (the master) does not tell its offset"],
  ...["console", "app-1"].map((name): [string, Partial<NodeSaid>, string] => [
    `node ${name}`,
    { failing: ["aof_last_write_status"] },
    `${name}: node has aof_last_write_status other than ok; the reason is in /var/log/redis-cluster/redis-cluster.log there`,
  ]),
  [
    "node console",
    { onlineReplicas: ["10.77.0.13:6389", "10.9.9.9:6389"] },
    "console: node (the master) has 1 of the members online as replicas, expected 2",
  ],
  [
    "node console",
    { role: "replica" },
    "console: node says it is a replica, but the sentinels name it as master",
  ],
])("%s %j", (who, change, message) => {
  expect(problems(but(who, change))).toEqual([message]);
});

test("two sentinels with one id are both named", () => {
  expect(problems(but("sentinel app-1", { myid: "id-0" }))).toEqual([
    "console: sentinel has the same myid as the one on app-1",
    "app-1: sentinel has the same myid as the one on console",
  ]);
});

test("a master that is no member", () => {
  const answers = whole();
  for (const { said } of answers.sentinels) if (said) said.master = "127.0.0.1:6389";
  expect(problems(answers)).toContain(
    "console: sentinel names 127.0.0.1:6389 as master, which is no member of the group",
  );
});

test("who does not answer is named with the reason", () => {
  const answers = whole();
  Object.assign(answers.sentinels[2], { said: undefined, error: "Connection refused" });
  Object.assign(answers.nodes[1], { said: undefined, error: "silent for 5 s" });
  expect(problems(answers)).toEqual([
    "app-2: sentinel 10.77.0.13:26389 does not answer: Connection refused",
    "app-1: node 10.77.0.12:6389 does not answer: silent for 5 s",
  ]);
});

test("without a sentinel's word no node is judged by its role", () => {
  const answers = whole();
  for (const each of answers.sentinels) Object.assign(each, { said: undefined, error: "refused" });
  expect(judge(answers, 2).map(({ message }) => message.split(" ")[0])).toEqual([
    "sentinel",
    "sentinel",
    "sentinel",
  ]);
});

test("nobody answers: one problem each, and no master is made up", () => {
  const answers = whole();
  for (const each of [...answers.nodes, ...answers.sentinels]) {
    Object.assign(each, { said: undefined, error: "no route" });
  }
  expect(problems(answers)).toHaveLength(6);
});

test("what moves is told of each node that is at something", () => {
  expect(whatMoves(whole())).toBe("");
  const answers = but("node app-1", { moves: "syncs 4711" });
  Object.assign(answers.nodes[2], { said: undefined, error: "silent for 5 s" });
  expect(whatMoves(answers)).toBe("app-1 syncs 4711");
});

test("the table has a line for each endpoint, in columns", () => {
  const answers = but("node app-1", { linkUp: false, syncing: true });
  Object.assign(answers.sentinels[2], { said: undefined, error: "Connection refused" });
  expect(table(answers).split("\n")).toEqual([
    "console  node      10.77.0.11:6389   master                      2 replicas online  offset 5000000",
    "app-1    node      10.77.0.12:6389   replica of 10.77.0.11:6389  link down          offset 5000000 syncing",
    "app-2    node      10.77.0.13:6389   replica of 10.77.0.11:6389  link up            offset 5000000",
    "console  sentinel  10.77.0.11:26389  master 10.77.0.11:6389      epoch 3            flags master  2 replicas  2 other sentinels  quorum 2  ckquorum OK 3 usable Sentinels. Quorum and failover authorization can be reached",
    "app-1    sentinel  10.77.0.12:26389  master 10.77.0.11:6389      epoch 3            flags master  2 replicas  2 other sentinels  quorum 2  ckquorum OK 3 usable Sentinels. Quorum and failover authorization can be reached",
    "app-2    sentinel  10.77.0.13:26389  no answer: Connection refused",
  ]);
});

test("a master that follows the legacy Redis of a migration is none too few, and no other", () => {
  const answers = whole();
  const follows = { role: "replica", master: "10.77.0.11:6379", linkUp: true };
  Object.assign(answers.nodes[0].said!, follows);
  const said = (from?: string) =>
    judge(answers, 2, undefined, from).map(({ condition }) => condition);
  expect(said("10.77.0.11:6379")).toEqual([]);
  expect(said("10.77.0.11:6380")).toEqual(["master-role"]);
  expect(said()).toEqual(["master-role"]);
});
