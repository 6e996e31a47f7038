import { isDeepStrictEqual } from "util";
import type { dynamic } from "@pulumi/pulumi";
import { hostCommand } from "../remote/hostProgram";
import { leaving, Membership, refusedMembership } from "../membership";
import { heldRoute, plain, RouteArgs, within } from "../probe/route";

/** What the provider gets: the arguments with every Output resolved. */
interface Inputs extends RouteArgs, Membership {
  plan: string;
  override?: string;
  limit: number;
  /** Of the provider's code: see dynamic.ts. */
  sources: string;
}

/** The others are for the run alone in which somebody leaves: a change of them is none by itself. */
const compared = ["hosts", "bastion", "nodes", "sentinels", "sources"] as const;

function check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
  const { nodes = [], sentinels = [] } = olds;
  const refused = refusedMembership({ nodes, sentinels }, news);
  return Promise.resolve({
    inputs: news,
    failures: refused.map((reason) => ({ property: "nodes", reason })),
  });
}

function diff(_id: string, olds: Inputs, news: Inputs): Promise<dynamic.DiffResult> {
  const changes = compared.some((name) => !isDeepStrictEqual(olds[name], news[name]));
  return Promise.resolve({ changes });
}

/** What a step prints at its end; see last_word in templates/host/redis_cluster/told.py. */
const lastWord = /^(.*) \[[0-9a-f]{8}\]$/;

/** The host as it was reached until now; by the key and the bastion of now. */
async function leave(name: string, olds: Inputs, news: Inputs): Promise<void> {
  const route = heldRoute({ ...news, hosts: olds.hosts });
  const { plan, override, limit } = news;
  const told = `# plan ${plan}\n${override ? `# override ${override}\n` : ""}`;
  const command = hostCommand(news.instance, limit, ["decommission"]);
  const ran = await within(limit + 30, route.run(name, command, told)).catch((error: Error) => {
    throw new Error(
      `${name} was taken off redis-cluster:hosts and cannot be reached: ${error.message}; expected that it hands over ` +
        `and stops first. Nothing was made live. Put ${name} back on the list; a machine that is lost is replaced ` +
        'under the same name: see "Taking a host off" in docs/operations.md',
    );
  });
  if (ran.status !== 0) {
    throw new Error(`${name}: ${ran.stderr.trim().slice(-2000) || `status ${ran.status}`}`);
  }
  const [last] = ran.stdout.trimEnd().split("\n").slice(-1);
  const [, did = "stopped for good"] = lastWord.exec(last) ?? [];
  console.log(`${name}: ${plain(did)}`);
}

/** Of the resource in ../decommission.ts. */
export const provider: dynamic.ResourceProvider<Inputs, Inputs> = {
  check,
  diff,
  create: (inputs) => Promise.resolve({ id: "decommission", outs: inputs }),
  update: async (_id, olds, news) => {
    for (const name of leaving(olds, news)) await leave(name, olds, news);
    return { outs: news };
  },
};
