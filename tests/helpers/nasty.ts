/** Texts for properties. */
import fc from "fast-check";

export const anyText = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }));
/** What somebody may type who means harm, or does not know better. */
export const nasty = fc.oneof(
  anyText,
  fc.constantFrom(
    ...["", " ", "\n", "a\nreplicaof 203.0.113.9 1", "\r", "\0", "\u2028", "\u0085", "\x1b[2J"],
    ...[
      "$(id)",
      "`id`",
      "it's 'so' '$(id)'",
      "'",
      '"',
      "\\",
      "{{x}}",
      "{{> sandbox}}",
      "#",
      "%",
      "a b",
      "~",
      "*",
    ],
    ...["__proto__", "constructor", "toString", "-1", "1e9", "08", "0x10", "yes", "\ud800"],
  ),
);
