/**
 * Fills the generated parts of the documentation, between `<!-- NAME:begin -->` and `<!-- NAME:end -->`,
 * from Pulumi.yaml and the table of directives. With --check it only says whether they are up to date.
 */
import { readFileSync, writeFileSync } from "fs";
import { load } from "js-yaml";
import { join } from "path";
import { Daemon, Directive, noteOf } from "../components/directives/directive";
import { rules } from "../components/directives/rules";
import { directives } from "../components/directives/settings";

const top = join(__dirname, "..");

interface Key {
  description: string;
  default?: unknown;
}

const cell = (text: string): string => {
  const bars = text.replaceAll("|", "\\|");
  return text.startsWith("`") ? bars : bars.replaceAll("<", "\\<");
};

const table = (heads: string[], rows: string[][]): string =>
  [heads, heads.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map(cell).join(" | ")} |`)
    .join("\n");

const code = (text: string): string => `\`${text}\``;

/** The keys of a stack, from the schema in Pulumi.yaml. */
function stackKeys(): string {
  const project = load(readFileSync(join(top, "Pulumi.yaml"), "utf8")) as {
    config: Record<string, Key>;
  };
  return table(
    ["key", "default", "meaning"],
    Object.entries(project.config).map(([name, { description, default: preset }]) => [
      code(name),
      // The schema has to give an empty default to what may be left out.
      preset === undefined || description.startsWith("Secret.")
        ? "required"
        : ["", 0].includes(preset as string | number) || typeof preset === "object"
          ? ""
          : code(JSON.stringify(preset)),
      description,
    ]),
  );
}

function defaultOf({ default: value }: Directive): string {
  if (value === undefined) {
    return "none";
  }
  return code(
    typeof value === "function"
      ? value({ address: "<address>", leastReplicas: "N-(S+1)/2" }, {})
      : value,
  );
}

const offered = (daemon: Daemon): string =>
  table(
    ["directive", "default", "value", "takes effect", "note"],
    directives(daemon).flatMap((directive) =>
      directive.type
        ? [
            [
              code(directive.name),
              defaultOf(directive),
              directive.type.expected,
              directive.class,
              noteOf(directive),
            ],
          ]
        : [],
    ),
  );

/** The directives that the program sets itself, those with the same reason together. */
function owned(daemon: Daemon): string {
  const byReason = new Map<string, string[]>();
  for (const { type, name, note } of directives(daemon)) {
    if (!type && note) {
      byReason.set(note, [...(byReason.get(note) ?? []), code(name)]);
    }
  }
  return table(
    ["directive", "instead"],
    [...byReason].map(([note, names]) => [names.join(", "), note]),
  );
}

const departures = (): string =>
  table(
    ["directive", "legacy", "here", "reason"],
    (["node", "sentinel"] as const).flatMap((daemon) =>
      directives(daemon).flatMap((directive) =>
        directive.departure
          ? [
              [
                `${code(directive.name)} (${daemon})`,
                code(directive.departure.from),
                defaultOf(directive),
                directive.departure.reason,
              ],
            ]
          : [],
      ),
    ),
  );

/** Values that are each legal and together wrong: those that are refused, or those that are told. */
const together = (refused: boolean): string =>
  table(
    ["directive", "when", "expected"],
    rules
      .filter((rule) => rule.refused === refused)
      .map(({ name, when, expected }) => [code(name), when, expected]),
  );

const parts: Record<string, () => string> = {
  configuration: stackKeys,
  departures,
  "refused together": () => together(true),
  "told together": () => together(false),
  "node directives": () => offered("node"),
  "owned node directives": () => owned("node"),
  "sentinel directives": () => offered("sentinel"),
  "owned sentinel directives": () => owned("sentinel"),
};

/** The page with its generated parts made anew; throws on a part of unknown name. */
export function fill(page: string): string {
  return page.replace(
    /(<!-- ([a-z ]+):begin -->\n)[^]*?(<!-- \2:end -->)/g,
    (_, begin: string, name: string, end: string) => {
      if (!(name in parts)) {
        throw new Error(`no generated part is named "${name}"`);
      }
      return `${begin}\n${parts[name]()}\n\n${end}`;
    },
  );
}

function main(check: boolean): void {
  const name = "docs/configuration.md";
  const path = join(top, name);
  const page = readFileSync(path, "utf8");
  if (fill(page) === page) return;
  if (check) {
    console.error(`${name} is not up to date; run: npm run docs`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, fill(page));
  }
}

if (require.main === module) {
  main(process.argv.includes("--check"));
}
