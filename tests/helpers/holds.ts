import { readFileSync } from "fs";
import { join } from "path";
import { meanwhileOn, on } from "./lab";

/** Where a step of a rollout is held: before its work, or after it and before Pulumi hears of it. */
export interface Hold {
  host: string;
  verb: string;
  point: "before" | "after";
}

export const fileOf = ({ point, verb }: Hold): string => `/run/holds/${point}.${verb}`;

/** Lets steps on a host be held from now on. */
export function installHolds(host: string): void {
  const script = readFileSync(join(__dirname, "holds.sh")).toString("base64");
  on(
    host,
    `install -d -o deploy /run/holds; echo ${script} | base64 -d | install -m 0755 /dev/stdin /usr/local/bin/sudo`,
  );
}

export async function hold(...holds: Hold[]): Promise<void> {
  await Promise.all(
    [...new Set(holds.map(({ host }) => host))].map((host) => {
      const files = holds.filter((one) => one.host === host).map(fileOf);
      return meanwhileOn(host, `touch ${files.join(" ")}`);
    }),
  );
}

/** Until the step waits there; throws after two minutes. Returns its pid on the host and its SSH session's. */
export async function held({ host }: Hold): Promise<{ step: string; session: string }> {
  const reached = await meanwhileOn(
    host,
    "timeout 120 bash -c 'until [ -s /run/holds/reached ]; do sleep 0.05; done; cat /run/holds/reached'",
  );
  const [step, session] = reached.split(" ");
  return { step, session };
}

/** Takes every hold away. */
export async function releaseAll(host: string): Promise<void> {
  await meanwhileOn(host, "find /run/holds -type f -delete");
}

/** Lets the step go on. */
export async function release(one: Hold): Promise<void> {
  await meanwhileOn(one.host, `rm -f ${fileOf(one)}`);
}
