/** A YAML file as plain data, with the place of everything in it. Pure. */
import {
  type Document,
  isMap,
  isNode,
  isPair,
  LineCounter,
  parseAllDocuments,
  parseDocument,
  type Scalar,
} from "yaml";

/** Something about a place in a file. */
export interface Finding {
  readonly severity: "error" | "warning";
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  /** Where it is in the data, for instance `groups[1].vm.cpu`; empty for the file itself. */
  readonly field: string;
  /** What is wrong, and what would be right. */
  readonly message: string;
}

/** Keys and indices from the top. */
export type Path = readonly (string | number)[];

/** A file that was read. */
export interface YamlFile {
  readonly value: unknown;
  /** What is wrong with it as YAML. */
  readonly findings: readonly Finding[];
  /** Where the value under a path is; where the nearest one above it is when there is none. */
  placeOf(path: Path, of?: "key" | "value"): Pick<Finding, "line" | "column">;
}

/** The most aliases that are followed: a small file can stand for a huge one. */
const MAX_ALIASES = 100;

/** Reads a YAML text. Never throws. */
export function readYaml(text: string): YamlFile {
  const lines = new LineCounter();
  return contentOf(parseDocument(text, { lineCounter: lines, prettyErrors: false }), lines);
}

/** Reads a YAML text of several documents, with `---` between them. Never throws. */
export function readYamlDocuments(text: string): YamlFile[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  return documents.map((document) => contentOf(document, lines));
}

function contentOf(document: Document.Parsed, lines: LineCounter): YamlFile {
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const findings = [...document.errors, ...document.warnings].map((error): Finding => ({
    severity: error.name === "YAMLWarning" ? "warning" : "error",
    ...at(error.pos[0]),
    field: "",
    message: plain(error.code, error.message),
  }));
  let value: unknown = null;
  if (document.errors.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch {
      const message = `More than ${MAX_ALIASES} aliases: write it out`;
      findings.push({ severity: "error", line: 1, column: 1, field: "", message });
    }
  }
  const placeOf: YamlFile["placeOf"] = (path, of = "value") => {
    for (let depth = path.length; depth > 0; depth--) {
      const above = document.getIn(path.slice(0, depth - 1), true);
      const key = path[depth - 1];
      if (of === "key" && isMap(above)) {
        const pair = above.items.find((one) => isPair(one) && keyOf(one.key) === key);
        const node = pair?.key;
        if (isNode(node) && node.range) return at(node.range[0]);
      }
      const node = document.getIn(path.slice(0, depth), true);
      if (isNode(node) && node.range) return at(node.range[0]);
    }
    return at(isNode(document.contents) ? document.contents.range?.[0] ?? 0 : 0);
  };
  return { value, findings, placeOf };
}

/** `groups[1].vm.cpu`. */
export function fieldText(path: Path): string {
  return path.map((key, at) => typeof key === "number" ? `[${key}]` : at === 0 ? key : `.${key}`)
    .join("");
}

function keyOf(key: unknown): unknown {
  return isNode(key) ? (key as Scalar).value : key;
}

/** What the library says, where people commonly go wrong, in words that say what to do. */
function plain(code: string, message: string): string {
  if (code === "TAB_AS_INDENT") return "A tab: YAML is indented with spaces";
  if (code === "DUPLICATE_KEY") return "This key stands here twice: keep one of them";
  return message.split("\n")[0] ?? message;
}
