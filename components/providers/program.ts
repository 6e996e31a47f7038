import { isDeepStrictEqual } from "util";
import type { dynamic } from "@pulumi/pulumi";
import {
  asRoot,
  fileWriter,
  packedPrograms,
  programHash,
  pythonPackage,
} from "../remote/hostProgram";
import { programDirectory } from "../names";
import { heldRoute, plain, RouteArgs, within } from "../probe/route";

/** What the provider gets: the arguments with every Output resolved. */
interface Inputs extends RouteArgs {
  /** Stands for the program's files. */
  program: string;
  /** The program is written again when it changes. */
  repair: string;
  /** Of the provider's code: see dynamic.ts. */
  sources: string;
}

interface State extends Inputs {
  stdout: string;
}

/** In seconds: Python may have to be installed first. */
const limit = 600;

const command = ({ instance }: Inputs): string =>
  asRoot(limit, [
    ...["bash", "-s", "--"],
    ...[programDirectory(instance), "0755", "root:root", pythonPackage],
  ]);

/** What is on the host stays good when only the code that brought it there is another. */
function diff(_id: string, olds: Inputs, news: Inputs): Promise<dynamic.DiffResult> {
  const names: (keyof Inputs)[] = ["hosts", "program", "repair"];
  return Promise.resolve({
    changes: names.some((name) => !isDeepStrictEqual(olds[name], news[name])),
  });
}

/** Throws where the host refuses, in its words. */
async function write(inputs: Inputs): Promise<State> {
  const [{ name }] = inputs.hosts;
  if (programHash() !== inputs.program)
    throw new Error(
      `${name}: templates/ has another program than when this run began; nothing was written. Run pulumi up again`,
    );
  const { status, stdout, stderr } = await within(
    limit + 60,
    heldRoute(inputs).run(name, command(inputs), fileWriter() + packedPrograms()),
  );
  if (status === 0) {
    const written: State = { ...inputs, stdout: stdout.trimEnd().slice(-200) };
    // What is written stays in the state for long, where a key that is used no more has no place.
    delete written.privateKey;
    return written;
  }
  const words = stderr.trim().split("\n").slice(-10).map(plain).join("\n");
  throw new Error(`${name}: ${words || `status ${status} without a word`}`);
}

/** Of the resource in ../program.ts. */
export const provider: dynamic.ResourceProvider<Inputs, State> = {
  diff,
  create: async (inputs) => ({ id: inputs.hosts[0].name, outs: await write(inputs) }),
  update: async (_id, _olds, news) => ({ outs: await write(news) }),
};
