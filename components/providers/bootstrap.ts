import { createHash } from "crypto";
import { isDeepStrictEqual } from "util";
import type { dynamic } from "@pulumi/pulumi";
import { namesOf, programDirectory } from "../names";
import { hostCommand } from "../remote/hostProgram";
import { heldRoute, RouteArgs, within } from "../probe/route";

/** What the provider gets: the arguments with every Output resolved. */
interface Inputs extends RouteArgs {
  bootstrapMaster: string;
  nodes: { name: string; address: string; port: number }[];
  /** The ids of every host's preparation: the hosts are asked anew when one changes. */
  after: string[];
  /** Of the provider's code: see dynamic.ts. */
  sources: string;
}

interface State extends Inputs {
  chosen: string;
  round: string;
}

/** A look takes a host about a second; longer, in seconds, means that it is stuck. */
const limit = 120;

/** What a host may say of itself; see prove in templates/host/redis_cluster/prove.py. */
const states = [
  "initialised",
  "restore",
  "legacy",
  "marked",
  "unread",
  "retired-master",
  "data",
  "empty",
];

/**
 * The host to mark as the first master; "" where the group needs no bootstrap. Throws where that is for an operator
 * to say: then nothing is kept, and the next run asks every host anew.
 */
export function chooseBootstrap(
  proofs: Record<string, string>,
  bootstrapMaster: string,
  instance?: string,
): string {
  const names = Object.keys(proofs);
  const hosts = (state: string) => names.filter((name) => proofs[name] === state);
  const [unread, legacy, marked, retired] = ["unread", "legacy", "marked", "retired-master"].map(
    hosts,
  );
  const held = [...marked, ...retired, ...hosts("data")].sort();
  const directory = `/var/lib/${namesOf(instance).cluster}`;
  if (hosts("initialised").length > 0) return "";
  const restored = hosts("restore");
  if (restored.length > 1) {
    throw new Error(
      `a backup is to be restored on ${restored.join(" ")}; expected one host. On the others 'sudo rm ` +
        `${directory}-backup/restore', then run pulumi up again; nothing was started`,
    );
  }
  if (unread.length > 0) {
    throw new Error(
      `there are data on ${unread.join(" ")} that this configuration would not load, and would overwrite. On each of them ` +
        `'sudo ${programDirectory(instance)}/redis-cluster convert' tells which, and 'convert NAME' has Redis make of one ` +
        `what it loads; or move what is not wanted out of ${directory}. Then run pulumi up again; nothing was started`,
    );
  }
  if (legacy.length > 0) {
    if (held.length === 0) return "";
    throw new Error(
      `the legacy group on ${legacy.join(" ")} is not taken over: there are other data on ${held.join(" ")}; ` +
        `expected empty hosts. Empty ${directory} there, then run pulumi up again`,
    );
  }
  if (restored.length === 1) return restored[0];
  if (marked.length === 1) return marked[0];
  if (marked.length === 0 && retired.length === 1) return retired[0];
  if (held.length === 0) return bootstrapMaster;
  throw new Error(
    `data of unknown age on: ${held.join(" ")}; expected empty hosts, or exactly one that was the master. Look at ` +
      `${directory} on each, then either empty it on all hosts or 'sudo touch ${directory}/retired-master' on the one whose ` +
      "data to keep, and run pulumi up again",
  );
}

/** What the named host says of itself, as the last line of what it printed. Throws where it says anything else. */
export function readProof(stdout: string, name: string): string {
  // A login shell that greets everybody has said something before it.
  const line = stdout.trimEnd().replace(/^[^]*\n/, "");
  const state = states.find((each) => line === `${name} ${each}`);
  if (state !== undefined) return state;
  throw new Error(
    `${name} says ${JSON.stringify(line.slice(0, 80))} of itself; expected "${name} STATE"`,
  );
}

function diff(_id: string, olds: Inputs, news: Inputs): Promise<dynamic.DiffResult> {
  const names: (keyof Inputs)[] = ["bootstrapMaster", "after", "sources"];
  const changes = names.some((name) => !isDeepStrictEqual(olds[name], news[name]));
  return Promise.resolve({ changes });
}

/** Asks every host what it holds, and decides by what they say now. */
async function prove(inputs: Inputs): Promise<State> {
  const route = heldRoute(inputs);
  const command = hostCommand(inputs.instance, limit - 10, ["node-prove"]);
  const ask = async (name: string): Promise<[string, string]> => {
    const { status, stdout, stderr } = await within(limit, route.run(name, command));
    if (status === 0) return [name, readProof(stdout, name)];
    throw new Error(`${name}: ${stderr.trim().slice(-1000) || `status ${status}`}`);
  };
  const asked = await Promise.allSettled(inputs.hosts.map(({ name }) => ask(name)));
  const failed = asked.flatMap((each) =>
    each.status === "rejected" ? [each.reason as Error] : [],
  );
  if (failed.length > 0) throw new Error(failed.map(({ message }) => message).join("\n"));
  const proofs = asked.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const chosen = chooseBootstrap(
    Object.fromEntries(proofs),
    inputs.bootstrapMaster,
    inputs.instance,
  );
  const round = createHash("sha256").update(inputs.after.join("\n")).digest("hex").slice(0, 16);
  return { ...inputs, chosen, round };
}

/** Of the resource in ../bootstrap.ts. */
export const provider: dynamic.ResourceProvider<Inputs, State> = {
  diff,
  create: async (inputs) => ({ id: "bootstrap", outs: await prove(inputs) }),
  update: async (_id, _olds, news) => ({ outs: await prove(news) }),
};
