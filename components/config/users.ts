/** The applications' users and their rights. */
import { Fields, isMap } from "../directives/values";
import type { Checker } from "./checker";
import { under } from "./path";
import { meant, PatternList, patternLists, unreadable } from "./patterns";
import { show } from "./problem";
import { applicationRights, ownUsers, User } from "./topology";

export function readUsers(check: Checker): User[] {
  const given = check.optional("users");
  const value = isMap(given) && Object.keys(given).length === 0 ? { application: {} } : given;
  if (!isMap(value)) {
    check.problem("users", show(value), "a map of the applications' users, name to rights");
    return [];
  }
  return Object.entries(value).map(([name, rights]) => {
    const key = under("users", name);
    check.text(
      name,
      key,
      /^[a-z][a-z0-9_-]{0,31}$/,
      "a name of lower-case letters, digits, _ and -",
    );
    if ([...ownUsers, "default"].includes(name)) {
      check.problem(key, "is a user of the group's own", "another name");
    }
    const fields = check.fields(rights, key, [...patternLists, "commands"]) ?? {};
    const ofKeys = ["keys", "readKeys", "writeKeys"] as const;
    // A list that is given says all that there is.
    const someKeys = ofKeys.some((list) => fields[list] !== undefined);
    const keys = ofKeys.map((list) =>
      readPatterns(check, fields, key, list, someKeys ? [] : applicationRights[list]),
    );
    const channels = readPatterns(check, fields, key, "channels", applicationRights.channels);
    // Redis refuses a pattern after the one that is all.
    for (const [list, all, others] of [
      ["keys", keys[0], keys.flat()],
      ["channels", channels, channels],
    ] as const) {
      if (all.includes("*") && others.length > 1) {
        check.problem(`${key}.${list}`, 'has "*" beside others', `"*" alone: it is all ${list}`);
      }
    }
    return {
      name,
      keys: keys[0],
      readKeys: keys[1],
      writeKeys: keys[2],
      channels,
      commands: check.list(
        fields.commands,
        `${key}.commands`,
        applicationRights.commands,
        /^[+-]@?[a-z0-9_|-]+$/,
        'a list of rules as "+get", "+@read" or "-@dangerous"',
      ),
    };
  });
}

function readPatterns(
  check: Checker,
  fields: Fields,
  user: string,
  list: PatternList,
  preset: string[],
): string[] {
  const key = `${user}.${list}`;
  const expected = "a list of patterns without quotes and backslashes";
  const given = check.list(fields[list], key, preset, /[^]/, expected);
  for (const text of given) {
    const instead = meant(user, text);
    if (instead) {
      check.problem(key, `has ${JSON.stringify(text)}`, instead);
    } else if (unreadable.test(text)) {
      check.problem(key, show(given), expected);
    }
  }
  return given;
}
