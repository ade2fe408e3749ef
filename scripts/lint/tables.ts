/**
 * The tables of house.ts as Markdown. `deno run -A scripts/lint/tables.ts` prints them, `--write`
 * puts them into docs/ARCHITECTURE.md between `<!-- begin NAME -->` and `<!-- end NAME -->`.
 */
import { LAYERS, LIMITS, PORT_FOLDERS, POWERS } from "./house.ts";
import { ROOT } from "./place.ts";

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function ranks(): string {
  return table(
    ["folder", "rank", "owns", "rules of its own"],
    [...LAYERS].sort((a, b) => a.rank - b.rank).map((layer) => [
      `\`${layer.folder}/\``,
      String(layer.rank),
      layer.owns,
      [
        layer.pure ? "pure" : "",
        layer.only ? `imports only ${layer.only.join(", ")}` : "",
        PORT_FOLDERS.includes(`src/${layer.folder}`)
          ? "port: its folders meet in cli, isolates"
          : "",
      ].filter((text) => text !== "").join("; "),
    ]),
  );
}

function powers(): string {
  return table(
    ["power", "home", "everyone else"],
    POWERS.map((power) => [
      [...power.names, ...power.modules ?? []].map((name) => `\`${name}\``).join(" "),
      power.homes.map((home) => `\`${home}\``).join(" "),
      power.instead,
    ]),
  );
}

function limits(): string {
  return table(["what", "at most"], [
    ["lines of a function", String(LIMITS.functionLines)],
    ["lines of a file", String(LIMITS.fileLines)],
    ["lines of a test file", String(LIMITS.testFileLines)],
    ["parameters, an options object included", String(LIMITS.parameters)],
  ]);
}

/** Each table of the documents, by the name in its markers. */
export const TABLES: Readonly<Record<string, () => string>> = { ranks, powers, limits };

function around(name: string): RegExp {
  return new RegExp(`(<!-- begin ${name} -->)([^]*?)(<!-- end ${name} -->)`);
}

/** A document's table of that name without its layout, which the formatter decides. */
export function blockOf(text: string, name: string): string | null {
  return around(name).exec(text)?.[2]?.replaceAll(/\s+|-+/g, "") ?? null;
}

async function main(args: readonly string[]): Promise<void> {
  if (!args.includes("--write")) {
    for (const print of Object.values(TABLES)) console.log(`${print()}\n`);
    return;
  }
  const path = `${ROOT}/docs/ARCHITECTURE.md`;
  let text = await Deno.readTextFile(path);
  for (const [name, print] of Object.entries(TABLES)) {
    text = text.replace(around(name), (_, begin, __, end) => `${begin}\n\n${print()}\n\n${end}`);
  }
  await Deno.writeTextFile(path, text);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
}

if (import.meta.main) await main(Deno.args);
