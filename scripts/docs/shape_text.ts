/** A JSON schema as people read a type. Pure. */

/** The parts of a schema that are looked at. */
interface Node {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node | readonly Node[];
  readonly prefixItems?: readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly additionalProperties?: Node | boolean;
}

/** The longest that stands on one line. */
const LINE = 76;

/** @param names the names of schemas that are known, by their JSON */
export function shapeText(schema: object, names: ReadonlyMap<string, string>): string {
  return textOf(schema as Node, { names, indent: "" });
}

interface Style {
  readonly names: ReadonlyMap<string, string>;
  readonly indent: string;
}

function textOf(node: Node, style: Style): string {
  const name = style.names.get(JSON.stringify(node));
  if (name !== undefined) return name;
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((one) => JSON.stringify(one)).join(" | ");
  const either = node.anyOf ?? node.oneOf;
  if (either !== undefined) {
    return [...new Set(either.map((one) => textOf(one, style)))].join(" | ");
  }
  switch (node.type) {
    case "object":
      return objectText(node, style);
    case "array":
      return listText(node, style);
    case "integer":
      return "number";
    case undefined:
      return "any";
    default:
      return String(node.type);
  }
}

function listText(node: Node, style: Style): string {
  const fixed = node.prefixItems ?? (Array.isArray(node.items) ? node.items as Node[] : null);
  if (fixed !== null) return `[${fixed.map((one) => textOf(one, style)).join(", ")}]`;
  const item = textOf((node.items as Node | undefined) ?? {}, style);
  return item.includes(" | ") && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
}

function objectText(node: Node, style: Style): string {
  const rest = node.additionalProperties;
  const entries = Object.entries(node.properties ?? {});
  if (entries.length === 0) {
    return typeof rest === "object" ? `{ [name]: ${textOf(rest, style)} }` : "{}";
  }
  const inner = { ...style, indent: `${style.indent}  ` };
  const fields = entries.map(([key, value]) => {
    const optional = node.required?.includes(key) ? "" : "?";
    return `${key}${optional}: ${textOf(value, inner)}`;
  });
  const line = `{ ${fields.join(", ")} }`;
  if (style.indent.length + line.length <= LINE && !line.includes("\n")) return line;
  return `{\n${fields.map((field) => `${inner.indent}${field}`).join("\n")}\n${style.indent}}`;
}
