import { createHash } from "crypto";
import { isDeepStrictEqual } from "util";
import type { dynamic } from "@pulumi/pulumi";
import { refusedInstance } from "../release/refusals";
import { hostCommand } from "../remote/hostProgram";
import { ForwardingForbidden, heldRoute, plain, RouteArgs, within } from "../probe/route";

/** What the provider gets: the arguments with every Output resolved. */
interface Inputs extends RouteArgs {
  /** Where each host's node is, or will be; its sentinel where it has no node. */
  nodes: { name: string; address: string; port: number }[];
  /** What a refresh found, as "HOST SETTING: wanted ..., seen ..."; wanted is none. */
  drift: string[];
  /** An id by host, another one after each refresh that found something there. */
  repair: Record<string, string>;
  /** Of the provider's code: see dynamic.ts. */
  sources: string;
}

interface State extends Inputs {
  /** Hosts that could not be looked at in the last refresh, and why. */
  unreachable?: string[];
  /** Hosts of which is not known whether they forward. */
  untried?: string[];
}

const inputNames: (keyof Inputs)[] = [
  "hosts",
  "bastion",
  "privateKey",
  "drift",
  "repair",
  "sources",
];

/** A look takes a host about a second; longer, in seconds, means that it is stuck. */
const limit = 60;

/** Lines of one host that are kept. */
const most = 500;

/**
 * The first of a run to be asked refuses what would leave a group behind under another name.
 * A host on which the last refresh found something gets a new id, which follows from the old one.
 */
function check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
  const repair: Inputs["repair"] = {};
  for (const { name } of news.hosts) {
    repair[name] = olds.repair?.[name] ?? "";
    const found = (olds.drift ?? []).filter((line) => line.startsWith(`${name} `));
    if (found.length === 0) continue;
    const id = createHash("sha256").update([repair[name], ...found].join("\n"));
    repair[name] = id.digest("hex").slice(0, 16);
  }
  const refused = olds.hosts ? refusedInstance(olds.instance, news.instance) : [];
  return Promise.resolve({
    inputs: { ...news, repair },
    failures: refused.map((reason) => ({ property: "instance", reason })),
  });
}

function diff(_id: string, olds: State, news: Inputs): Promise<dynamic.DiffResult> {
  const { untried = [] } = olds;
  const changes =
    untried.length > 0 || inputNames.some((name) => !isDeepStrictEqual(olds[name], news[name]));
  return Promise.resolve({ changes });
}

/**
 * The check at the end of a run connects to the nodes from their hosts. Whether somebody listens there is for others to
 * tell, and so is why a host does not let us in: it is tried in the next run.
 */
async function refuseWithoutForwarding(inputs: Inputs): Promise<State> {
  const route = heldRoute(inputs);
  const untried: string[] = [];
  const attempt = async ({ name, address, port }: Inputs["nodes"][number]): Promise<string> => {
    try {
      await within(limit, route.reach(name));
    } catch {
      untried.push(name);
      return "";
    }
    try {
      (await within(limit, route.dial(name, address, port))).destroy();
    } catch (error) {
      if (error instanceof ForwardingForbidden) return error.message;
    }
    return "";
  };
  const forbidden = (await Promise.all(inputs.nodes.map(attempt))).filter((why) => why !== "");
  if (forbidden.length > 0) throw new Error(`${forbidden.join("\n")}. Nothing was changed`);
  return { ...inputs, unreachable: [], untried: untried.sort() };
}

/** Looks at every host. One that cannot be looked at may be as it was deployed: that is no drift. */
async function read(id: string, state?: State): Promise<dynamic.ReadResult<State>> {
  if (!state) throw new Error("HostDrift cannot be imported; pulumi up makes it");
  const route = heldRoute(state);
  const command = hostCommand(state.instance, limit - 10, ["drift"]);
  const drift: string[] = [];
  const unreachable: string[] = [];
  const look = async (name: string) => {
    try {
      const { status, stdout, stderr } = await within(limit, route.run(name, command));
      // As decide/drift.py writes them. A login shell that greets everybody says something too.
      const told = (line: string) =>
        line.startsWith(`${name} `) &&
        /^[ -~]{1,200}: wanted .{1,200}, seen .{1,200}$/u.test(line.slice(name.length + 1));
      drift.push(...stdout.split("\n").filter(told).slice(0, most).map(plain));
      if (status === 0) return;
      const [last] = stderr.trim().split("\n").slice(-1);
      const complaint = last === "" ? `status ${status} without a word` : last;
      drift.push(`${name} redis-cluster drift: wanted an answer, seen ${plain(complaint)}`);
    } catch (error) {
      unreachable.push(`${name} was not looked at: ${plain((error as Error).message)}`);
    }
  };
  await Promise.all(state.hosts.map(({ name }) => look(name)));
  drift.sort();
  unreachable.sort();
  // Shown below the refresh.
  for (const line of [...drift, ...unreachable]) console.log(line);
  // Among the inputs a finding differs from what is wanted, which is none: that is what a preview shows.
  const inputs: State = { ...state, drift };
  delete inputs.unreachable;
  delete inputs.untried;
  return { id, props: { ...inputs, unreachable, untried: state.untried ?? [] }, inputs };
}

/** Of the resource in ../hostDrift.ts. */
export const provider: dynamic.ResourceProvider<Inputs, State> = {
  check,
  diff,
  create: async (inputs) => ({ id: "drift", outs: await refuseWithoutForwarding(inputs) }),
  update: async (_id, _olds, news) => ({ outs: await refuseWithoutForwarding(news) }),
  read,
};
