import * as pulumi from "@pulumi/pulumi";
import { createHash } from "node:crypto";

/** A resource as the program registered it. */
export interface Registered {
  name: string;
  type: string;
  parent: string;
  dependsOn: string[];
  inputs: Record<string, unknown>;
  secretInputs: string[];
}

interface RegisterRequest {
  getName(): string;
  getType(): string;
  getParent(): string;
  getDependenciesList(): string[];
  getObject(): { toJavaScript(): Record<string, unknown> } | undefined;
}

interface Monitor {
  registerResource(request: RegisterRequest, callback: unknown): unknown;
}

const nameOf = (urn: string) => urn.slice(urn.lastIndexOf("::") + 2);

/** The id that a Command of that name printed when it ran. */
export const idGiven = (name: string): string =>
  createHash("sha256").update(name).digest("hex").slice(0, 8);

/** What the program on the host prints: what a step did with a new id. */
const printed = (name: string): string => `nothing owed [${idGiven(name)}]`;

/**
 * Every resource that `program` registers under Pulumi's mocks, by its name; hosts greet; something drifted on app-1.
 *
 * @param says the last lines of Commands that print another one than they should, by name
 */
export async function registeredBy(
  program: () => void,
  says: Record<string, string> = {},
): Promise<Map<string, Registered>> {
  const seen = new Map<string, Registered>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({
        id: `${name}-id`,
        state: {
          ...(inputs as object),
          stdout: `Welcome to\n${name}!\n${says[name] ?? printed(name)}\n`,
          repair: { "app-1": "drifted" },
          chosen: "console",
          round: "0123456789abcdef",
        },
      }),
      call: ({ token }) => {
        throw new Error(`unexpected call of ${token}`);
      },
    },
    "redis-cluster",
    "dev",
  );
  // The mocks show neither parent nor dependsOn, the request does.
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const raw = request.getObject()?.toJavaScript() ?? {};
    const unwrapped = Object.entries(raw).map(([key, value]) => {
      const secret = pulumi.runtime.isRpcSecret(value);
      return {
        key,
        secret,
        value: secret ? (pulumi.runtime.unwrapRpcSecret(value) as unknown) : value,
      };
    });
    seen.set(request.getName(), {
      name: request.getName(),
      type: request.getType(),
      parent: nameOf(request.getParent()),
      dependsOn: request.getDependenciesList().map(nameOf),
      inputs: Object.fromEntries(unwrapped.map(({ key, value }) => [key, value])),
      secretInputs: unwrapped.filter(({ secret }) => secret).map(({ key }) => key),
    });
    return register(request, callback);
  };
  program();
  await pulumi.runtime.disconnect();
  return seen;
}

/** Whether `first` is done before `then` begins. */
export function precedes(graph: Map<string, Registered>, first: string, then: string): boolean {
  const visited = new Set<string>();
  const waiting = [...(graph.get(then)?.dependsOn ?? [])];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (name === first) return true;
    if (visited.has(name)) continue;
    visited.add(name);
    waiting.push(...(graph.get(name)?.dependsOn ?? []));
  }
  return false;
}
