/** `docs/reference/json-output.md`: what `--json` prints, from the shapes that a test holds it against. */
import { ROOT } from "../lint/place.ts";
import { pageHead, type ReferencePage } from "./page.ts";

const SHAPES = "docs/reference/json-output.json";

type Shape = string | readonly Shape[] | { readonly [key: string]: Shape };

/** See the head of this file. */
export const jsonPage: ReferencePage = {
  file: "docs/reference/json-output.md",
  async text() {
    const shapes = JSON.parse(await Deno.readTextFile(`${ROOT}/${SHAPES}`)) as Record<
      string,
      Shape
    >;
    const first = new Map<string, string>();
    const sections = Object.entries(shapes).map(([command, shape]) => {
      const text = textOf(shape, "");
      const same = text.includes("\n") ? first.get(text) : undefined;
      if (same === undefined) first.set(text, command);
      const body = same === undefined ? `\`\`\`text\n${text}\n\`\`\`` : `As \`${same}\`.`;
      return `## ${command}\n\n${body}\n`;
    });
    return [
      pageHead("What --json prints", `\`${SHAPES}\`, which a test holds every command against`),
      "Keys are only ever added. A key with `?` is not always there; `|` stands between types that a",
      "value may have; `map` is an object whose keys are names; `nothing` is an element of a list that",
      "was empty. `job logs`, `job wait`, `events` and `watch` print one object a line, of which all have",
      "the form below. Times that end in `Ms` are ms, points in time ms since the Unix epoch.\n",
      ...sections,
    ].join("\n");
  },
};

function textOf(shape: Shape, indent: string): string {
  if (typeof shape === "string") return shape;
  if (Array.isArray(shape)) return `[${textOf(shape[0] as Shape, indent)}]`;
  const lines = Object.entries(shape).map(([key, of]) =>
    `${indent}  ${key}: ${textOf(of, `${indent}  `)}`
  );
  return `{\n${lines.join("\n")}\n${indent}}`;
}
