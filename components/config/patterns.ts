/** The patterns of a user's keys and channels, each without the signs that Redis's ACL puts before it. */

export const patternLists = ["keys", "readKeys", "writeKeys", "channels"] as const;
export type PatternList = (typeof patternLists)[number];

/** What stands before a pattern of each list in a line of an ACL. */
export const signs: Record<PatternList, string> = {
  keys: "~",
  readKeys: "%R~",
  writeKeys: "%W~",
  channels: "&",
};

/** Redis reads a user's line as words, in which quotes and backslashes have a meaning. */
export const unreadable = /["'\\\p{C}]/u;

/**
 * How to write what is no pattern but a rule of an ACL, or more than one pattern; undefined where it is one pattern.
 * Redis would take the rule for a part of the pattern, and so give other rights than those that were meant.
 *
 * @param user the user's key, as users.reader
 */
export function meant(user: string, text: string): string | undefined {
  const at = (pattern: string, where: string) => `${JSON.stringify(pattern)} in ${user}.${where}`;
  if (/\s/.test(text)) return "each pattern an item of its own, and ? for a space in one";
  const ofKeys = /^(?:%(r|w|rw|wr))?~(.+)$/i.exec(text);
  if (ofKeys) {
    const where = { r: "readKeys", w: "writeKeys" }[ofKeys[1]?.toLowerCase()] ?? "keys";
    return at(ofKeys[2], where);
  }
  if (/^&./.test(text)) return at(text.slice(1), "channels");
  if (text.startsWith("+")) return at(text, "commands");
  const [, all, kind] = /^(all|reset)(keys|channels)$/i.exec(text.toLowerCase()) ?? [];
  if (all === "all") return at("*", kind);
  if (all) return `[] as ${user}.${kind}`;
  return /^[~%&]/.test(text) ? "a pattern alone, without the sign before it" : undefined;
}
