/**
 * `docs/reference/config.md`: every key of `iris.yaml`, of a job file, and of the command line's own
 * `config.yaml`, from the declarations that check them.
 */
import { sections } from "../../src/cli/modes/all.ts";
import { jsonSchema, NOT_IN_FILES } from "../../src/cli/config/file_schema.ts";
import { jobJsonSchema } from "../../src/cli/config/job_schema.ts";
import { JOB_FLAGS } from "../../src/cli/flags/job_flags.ts";
import { type Flag, type Flags, typedName } from "../../src/cli/flags/flag.ts";
import { TARGET_FLAGS } from "../../src/cli/flags/shared.ts";
import { TARGET_KEYS } from "../../src/cli/target.ts";
import { code, markdownTable, pageHead, plain, type ReferencePage } from "./page.ts";

/** A node of a JSON schema, as far as this page looks at it. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly oneOf?: readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly additionalProperties?: Node | boolean;
}

const HEAD = ["key", "value", "default", "what it means"];

/** See the head of this file. */
export const configPage: ReferencePage = {
  file: "docs/reference/config.md",
  text() {
    const group = (jsonSchema(sections()) as Node).properties!.groups!.items!;
    return [
      pageHead("Configuration files", "the declarations in `src/cli/flags` and `src/cli/config`"),
      "Times are written `500ms`, `10s`, `5m`, `2h`, `3d`; sizes `512MB`, `2GiB`. A key that is not",
      "known is a mistake, told with its line. The same as JSON schemas, for editors:",
      "[iris.schema.json](../iris.schema.json) and [job.schema.json](../job.schema.json).\n",
      "## iris.yaml\n",
      "What a mode takes by `--config FILE`. It has a section for each mode, whose keys are the mode's",
      "flags without dashes: what is typed counts more. `groups` has the scale groups of its VM manager.",
      "`iris config check FILE` says what is wrong in one.\n",
      ...Object.entries(sections()).map(([name, flags]) => section(name, flags)),
      "### groups\n",
      "A list; each has these keys.\n",
      `${markdownTable(HEAD, rowsOf(group, ""))}\n`,
      ...(group.properties!.provider!.oneOf ?? []).map(providerSection),
      "## A job file\n",
      "What `iris job run -f FILE` takes: these keys of one job, or a list of such jobs under `jobs`, or",
      "several documents. What is typed counts more.\n",
      markdownTable(HEAD, [
        [code("command"), "", "", plain(commandText())],
        ...Object.entries(JOB_FLAGS).map(flagRow),
      ]),
      "\n## config.yaml\n",
      "In `$XDG_CONFIG_HOME/iris`, else `~/.config/iris`: which cluster commands talk to. `iris config",
      "show` says what holds and where each value comes from.\n",
      markdownTable(["key", "what it means"], clientRows()),
      "",
    ].join("\n");
  },
};

function section(name: string, flags: Flags): string {
  const rows = Object.entries(flags).filter(([flag]) => !NOT_IN_FILES.has(flag)).map(flagRow);
  return `### ${name}\n\n${markdownTable(HEAD, rows)}\n`;
}

function flagRow([name, flag]: readonly [string, Flag]): string[] {
  const value = flag.kind === "switch" ? "true|false" : flag.value;
  const many = flag.kind === "repeated" ? `a list of ${code(value)}` : code(value);
  const byDefault = flag.kind === "value" && flag.default !== undefined ? code(flag.default) : "";
  return [code(name), many, byDefault, plain(flag.help)];
}

/** The keys of an object and those below it; a provider has sections of its own. */
function rowsOf(node: Node, path: string): string[][] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const name = `${path}${key}`;
    const needed = node.required?.includes(key) ?? false;
    return [rowOf(name, child, needed), ...rowsOf(child, `${name}.`)];
  });
}

function rowOf(name: string, node: Node, needed: boolean): string[] {
  const { text, value } = split(node);
  const given = node.default;
  const trivial = given === undefined || (typeof given === "object" && given !== null);
  const byDefault = needed ? "needed" : trivial ? "" : code(String(given));
  return [code(name), code(value), byDefault, plain(text)];
}

/** A description ends in what stands for the value, where the schema alone does not say it. */
function split(node: Node): { text: string; value: string } {
  const { description = "" } = node;
  const [, text = description, value] = /^(.*) \(([A-Z]+)\)$/.exec(description) ?? [];
  return { text, value: value ?? kindOf(node) };
}

function kindOf(node: Node): string {
  if (node.const !== undefined) return String(node.const);
  if (node.enum !== undefined) return node.enum.join("|");
  if (node.oneOf !== undefined) {
    return node.oneOf.map((one) => one.properties?.kind?.const).join("|");
  }
  if (node.type === "integer") return `${node.minimum} to ${node.maximum}`;
  if (node.type === "array") return "a list";
  if (node.type === "object") return "keys";
  return "text";
}

function providerSection(node: Node): string {
  const { kind, ...keys } = node.properties!;
  const rows = rowsOf({ ...node, properties: keys }, "");
  const table = rows.length === 0 ? "It has no other keys." : markdownTable(HEAD, rows);
  return `### provider: ${kind!.const}\n\n${plain(kind!.description ?? "")}.\n\n${table}\n`;
}

function commandText(): string {
  const [one] = (jobJsonSchema() as Node).anyOf!;
  return one!.properties!.command!.description!;
}

function clientRows(): string[][] {
  const flags: Flags = TARGET_FLAGS;
  return [
    ...TARGET_KEYS.map((key) => [
      code(key),
      `${plain(flags[key]!.help)}, as ${code(typedName(key))}`,
    ]),
    [code("contexts"), "clusters by name, each with the keys above"],
    [code("context"), `which of them holds when none is asked for by ${code("--context")}`],
  ];
}
