import { isDeepStrictEqual } from "util";
import type { dynamic } from "@pulumi/pulumi";
import type { GroupSettings } from "../release/changes";
import {
  Created,
  FoundBy,
  oneWayDoor,
  refusedChanges,
  refusedDowngrade,
  refusedNames,
} from "../release/refusals";

interface Inputs {
  live: GroupSettings;
  restart: GroupSettings;
  created: Created[];
  foundBy: FoundBy;
  packageVersion?: string;
  /** Of the provider's code: see dynamic.ts. */
  sources: string;
}

const inputNames: (keyof Inputs)[] = [
  "live",
  "restart",
  "created",
  "foundBy",
  "packageVersion",
  "sources",
];

function check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
  const failures = [
    ...refusedChanges(olds.created ?? [], news.created).map((reason) => ({
      property: "created",
      reason,
    })),
    ...refusedNames(olds.foundBy ?? {}, news.foundBy).map((reason) => ({
      property: "foundBy",
      reason,
    })),
    ...refusedDowngrade(olds.packageVersion, news.packageVersion).map((reason) => ({
      property: "packageVersion",
      reason,
    })),
  ];
  // Of a group that is there.
  const told = olds.foundBy && oneWayDoor(olds.packageVersion, news.packageVersion);
  if (told !== undefined) console.log(`warning: ${told}`);
  return Promise.resolve({ inputs: news, failures });
}

function diff(_id: string, olds: Inputs, news: Inputs): Promise<dynamic.DiffResult> {
  const changes = inputNames.some((name) => !isDeepStrictEqual(olds[name], news[name]));
  return Promise.resolve({ changes });
}

/** Of the resource in ../changeClasses.ts. */
export const provider: dynamic.ResourceProvider<Inputs, Inputs> = {
  check,
  diff,
  create: (inputs) => Promise.resolve({ id: "change-classes", outs: inputs }),
  update: (_id, _olds, news) => Promise.resolve({ outs: news }),
};
