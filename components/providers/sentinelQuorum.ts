import { isDeepStrictEqual } from "util";
import type { dynamic } from "@pulumi/pulumi";
import {
  addressOf,
  Answers,
  Endpoint,
  judge,
  namedMaster,
  Problem,
  strangers,
  table,
  whatMoves,
} from "../probe/gate";
import { askGroup, askSentinels, Group } from "../probe/daemons";
import { heldRoute, RouteArgs } from "../probe/route";
import { programDirectory } from "../names";

/** What the provider gets: the arguments with every Output resolved. */
interface Inputs extends RouteArgs {
  masterName: string;
  quorum: number;
  nodes: Endpoint[];
  sentinels: Endpoint[];
  operatorPassword: string;
  tls?: Group["tls"];
  rollout: string;
  stallSeconds: number;
  follows?: string;
  /** Of the provider's code: see dynamic.ts. */
  sources: string;
}

/** What was last seen of the group. */
interface Seen {
  currentMaster: string;
  currentMasterAddress: string;
  epoch: number;
}

// Not what the master may follow: that ends after this check.
const inputNames: (keyof Inputs)[] = [
  "masterName",
  "quorum",
  "nodes",
  "sentinels",
  "hosts",
  "bastion",
  "privateKey",
  "operatorPassword",
  "tls",
  "rollout",
  "stallSeconds",
  "sources",
];

/** Between two looks at the group, in milliseconds. */
const pollInterval = 300;

/** A refresh waits this long for the sentinels, in seconds. */
const refreshTimeout = 5;

/** What Pulumi shows for an input that is not known before the deployment. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

function check(_olds: unknown, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
  const failures: dynamic.CheckFailure[] = [];
  const known = (value: unknown) => value !== undefined && value !== unknown;
  for (const property of ["privateKey", "operatorPassword"] as const) {
    if (news[property] === "") failures.push({ property, reason: "is empty" });
  }
  if (known(news.stallSeconds) && !(news.stallSeconds > 0)) {
    failures.push({ property: "stallSeconds", reason: "expected a number of seconds above 0" });
  }
  for (const property of ["nodes", "sentinels"] as const) {
    for (const { name } of known(news[property]) ? news[property] : []) {
      if (known(news.hosts) && !news.hosts.some((host) => host.name === name)) {
        failures.push({ property, reason: `${name} is not among the hosts` });
      }
    }
  }
  return Promise.resolve({ inputs: news, failures });
}

function diff(_id: string, olds: Inputs, news: Inputs): Promise<dynamic.DiffResult> {
  const changes = inputNames.some((name) => !isDeepStrictEqual(olds[name], news[name]));
  return Promise.resolve({ changes });
}

async function waitUntilWhole(inputs: Inputs): Promise<Inputs & Seen> {
  const route = heldRoute(inputs);
  let deadline = 0;
  let moving = "";
  for (;;) {
    const answers = await askGroup(inputs, route);
    const problems = judge(answers, inputs.quorum, inputs.instance, inputs.follows);
    const seen = lastSeen(inputs, answers.sentinels);
    if (problems.length === 0 && seen) {
      for (const place of strangers(answers)) {
        console.log(`note: ${place} replicates, and is none of redis-cluster:hosts`);
      }
      return { ...inputs, ...seen };
    }
    const moves = whatMoves(answers);
    if (deadline === 0 || (moves !== "" && moves !== moving)) {
      deadline = performance.now() + inputs.stallSeconds * 1000;
      moving = moves;
    }
    if (performance.now() + pollInterval >= deadline) {
      throw new Error(report(inputs, answers, problems));
    }
    await new Promise((resolve) => setTimeout(resolve, pollInterval));
  }
}

/** The master that a majority of the configured sentinels name, if it is a member. */
function lastSeen(inputs: Inputs, sentinels: Answers["sentinels"]): Seen | undefined {
  const { address, votes } = namedMaster(sentinels);
  const node = inputs.nodes.find((each) => addressOf(each) === address);
  if (!node || votes <= inputs.sentinels.length / 2) return undefined;
  const epochs = sentinels.map(({ said }) => (said && said.master === address ? said.epoch : 0));
  return {
    currentMaster: node.name,
    currentMasterAddress: node.address,
    epoch: Math.max(...epochs),
  };
}

function report(inputs: Inputs, answers: Answers, problems: Problem[]): string {
  const { bastion } = inputs;
  const target = inputs.hosts.find(({ name }) => name === problems[0]?.host) ?? inputs.hosts[0];
  const jump = bastion ? `-J ${bastion.user}@${bastion.host}:${bastion.port} ` : "";
  return [
    `${inputs.masterName} is not whole, and nothing moved for ${inputs.stallSeconds} s ` +
      "(redis-cluster:limits.stall):",
    ...problems.map(({ host, message }) => `  ${host}: ${message}`),
    "what each endpoint said:",
    ...table(answers)
      .split("\n")
      .map((line) => `  ${line}`),
    `next: ssh ${jump}-p ${target.port} ${target.user}@${target.host} ` +
      `sudo ${programDirectory(inputs.instance)}/redis-cluster gate`,
    "then: pulumi up (it finishes what is owed and checks again)",
  ].join("\n");
}

/** Brings in the live master. What cannot be asked now stays as it was last seen. */
async function read(id: string, state?: Inputs & Seen): Promise<dynamic.ReadResult<Inputs & Seen>> {
  if (!state) throw new Error("SentinelQuorum cannot be imported; pulumi up makes it");
  const seen = lastSeen(state, await askSentinels(state, heldRoute(state), refreshTimeout));
  return { id, props: { ...state, ...seen } };
}

/** Of the resource in ../sentinelQuorum.ts. */
export const provider: dynamic.ResourceProvider<Inputs, Inputs & Seen> = {
  check,
  diff,
  create: async (inputs) => ({ id: inputs.masterName, outs: await waitUntilWhole(inputs) }),
  update: async (_id, _olds, news) => ({ outs: await waitUntilWhole(news) }),
  read,
};
