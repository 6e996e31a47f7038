import { isDeepStrictEqual } from "util";
import type { dynamic } from "@pulumi/pulumi";
import { hostCommand } from "../remote/hostProgram";
import { asked, givenUp, losingSentinel, Membership, refusedMembership } from "../membership";
import { heldRoute, openRoute, plain, RouteArgs, within } from "../probe/route";

/** What the provider gets: the arguments with every Output resolved. */
interface Inputs extends RouteArgs, Membership {
  plan: string;
  override?: string;
  limit: number;
  ports: number[];
  /** Of the provider's code: see dynamic.ts. */
  sources: string;
}

/** The others are for the run alone in which somebody leaves: a change of them is none by itself. */
const compared = ["hosts", "bastion", "nodes", "sentinels", "nodeless", "gone", "sources"] as const;

/** An older version's state lacks lists; that of a new group has nothing. */
const membersOf = ({
  nodes = [],
  sentinels = [],
  nodeless = [],
  gone = [],
}: Partial<Inputs>): Membership => ({ nodes, sentinels, nodeless, gone });

function check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
  const refused = refusedMembership(membersOf(olds), news);
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

/**
 * The host as it was reached until now; by the key and the bastion of now.
 *
 * @param what of the host leaves: all of it, or its sentinel alone
 * @param left those that did so in this run
 */
async function leave(
  name: string,
  what: "" | "sentinel",
  olds: Inputs,
  news: Inputs,
  left: string[],
): Promise<void> {
  const route = heldRoute({ ...news, hosts: olds.hosts });
  const { plan, override, limit } = news;
  const told = [
    `# plan ${plan}`,
    ...(override ? [`# override ${override}`] : []),
    ...(left.length > 0 ? [`# left ${left.join(" ")}`] : []),
    "",
  ].join("\n");
  const command = hostCommand(news.instance, limit, ["decommission", ...(what ? [what] : [])]);
  const ran = await within(limit + 30, route.run(name, command, told)).catch((error: Error) => {
    if (what === "sentinel") {
      throw new Error(
        `${name} is to have no sentinel any more and cannot be reached: ${error.message}; expected that it stops it ` +
          "first. Nothing was made live. Look at the host, then run pulumi up again",
      );
    }
    throw new Error(
      `${name} was taken off redis-cluster:hosts and cannot be reached: ${error.message}; expected that it hands over ` +
        `and stops first. Nothing was made live. Put ${name} back on the list. A machine that is dead for good: pulumi ` +
        `config set --path 'gone[0]' ${name}, and run pulumi up again`,
    );
  });
  if (ran.status !== 0) {
    throw new Error(`${name}: ${ran.stderr.trim().slice(-2000) || `status ${ran.status}`}`);
  }
  const [last] = ran.stdout.trimEnd().split("\n").slice(-1);
  const [, did = "stopped for good"] = lastWord.exec(last) ?? [];
  console.log(`${name}: ${plain(did)}`);
}

/** How long a host that lives may take, in seconds, until it answers another one. */
const dialLimit = 5;

/** The same of a login; a network that drops everything would keep us for minutes. */
const loginLimit = 30;

/**
 * Throws where somebody hears of a host that is called gone: it would go on, with a vote and perhaps as the master, in a
 * group that knows it no more.
 */
async function refuseLiving(name: string, olds: Inputs, news: Inputs): Promise<void> {
  // Of its own: a login that is held tells nothing of a host that has died since.
  const route = openRoute({ ...news, hosts: [...news.hosts, ...olds.hosts] });
  const { address } = olds.nodes.find((node) => node.name === name)!;
  const others = news.nodes.filter((node) => olds.nodes.some((old) => old.name === node.name));
  const dial = async (other: string, port: number): Promise<string> => {
    await route.reach(other);
    const dialled = route.dial(other, address, port).then((socket) => void socket.destroy());
    return within(dialLimit, dialled).then(
      () => `${other} reaches ${address}:${port}`,
      () => "",
    );
  };
  const heard = await Promise.all([
    within(loginLimit, route.reach(name)).then(
      () => "it answers by SSH",
      () => "",
    ),
    ...others.flatMap((other) => news.ports.map((port) => dial(other.name, port))),
  ]).finally(() => route.close());
  const lives = heard.filter((each) => each !== "");
  if (lives.length === 0) return console.log(`${name}: gone; nobody reaches it`);
  throw new Error(
    `redis-cluster:gone has ${name}, and ${lives.join(", ")}; expected a host that is dead. Nothing was made live. Take ` +
      `it out of gone and run pulumi up again: it leaves as others do. Where that cannot be, switch it off first`,
  );
}

/** Of the resource in ../decommission.ts. */
export const provider: dynamic.ResourceProvider<Inputs, Inputs> = {
  check,
  diff,
  create: (inputs) => Promise.resolve({ id: "decommission", outs: inputs }),
  update: async (_id, olds, news) => {
    const before = membersOf(olds);
    for (const name of givenUp(before, news)) await refuseLiving(name, olds, news);
    // A node last: those before it would miss it.
    const leaving = asked(before, news);
    const nodeless = (name: string) => before.nodeless.includes(name);
    const left: string[] = [];
    for (const name of losingSentinel(before, news)) {
      await leave(name, "sentinel", olds, news, left);
      left.push(name);
    }
    for (const name of [
      ...leaving.filter(nodeless),
      ...leaving.filter((each) => !nodeless(each)),
    ]) {
      await leave(name, "", olds, news, left);
      left.push(name);
    }
    return { outs: news };
  },
};
