/**
 * What passes from one step to the next. A host's last line holds what daemons and drifted files said, so no more of
 * it goes on than an id of this very form: a host speaks for itself alone, and never as the operator.
 */
import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

// A step ends its line with a short id; what writes files or claims a host prints an id alone.
const idForm = /(?:^|\[)([0-9a-f]{8}(?=\]$)|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$)/;

/** The id that a step printed last. Throws, naming the step, where there is none. */
export function readId(step: string, stdout: string): string {
  return idForm.exec(lastLine(stdout))?.[1] ?? refuse(step, stdout);
}

function refuse(step: string, stdout: string): never {
  const said = JSON.stringify(lastLine(stdout).slice(0, 80));
  // A claim that nobody heard of, replaced, would be taken away in the same run; of a program written anew it is another.
  const host = /^(.*)-(sentinel-claim|node-install)$/.exec(step)?.[1];
  const again = (host === undefined ? [step] : [`${host}-check`, `${host}-node-program`])
    .map((name) => ` --replace '**::${name}'`)
    .join("");
  throw new pulumi.RunError(
    `${step}: what ran on that host printed ${said} last; expected an id, as this program prints it. Look what ` +
      `its login shell and the program in /usr/local/lib there add; then have that run again: pulumi up${again}`,
  );
}

/** What ran on a host, and what it printed. */
export type Ran = pulumi.Resource & Pick<remote.Command, "urn" | "stdout">;

/** The id that it printed last, another one each time it ran. */
export function idOf({ urn, stdout }: Ran): pulumi.Output<string> {
  return pulumi.all([urn, stdout]).apply(([name, said]) => readId(nameIn(name), said));
}

const nameIn = (urn: string) => urn.slice(urn.lastIndexOf("::") + 2);

/** What a step did, as it printed that, without its id. */
export const saidLast = (stdout: string): string =>
  lastLine(stdout).replace(/ \[[0-9a-f]{8}\]$/, "");

/** What a program of ours printed last: a login shell that greets everybody has said something before it. */
function lastLine(stdout: string): string {
  return stdout.trimEnd().replace(/^[^]*\n/, "");
}
