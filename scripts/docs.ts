/**
 * `deno task docs`: writes the pages of the reference that are made from declarations. With `--check`
 * it writes nothing and says which are not current (exit code 1).
 */
import { apiPage } from "./docs/api_page.ts";
import { commandsPage } from "./docs/commands_page.ts";
import { configPage } from "./docs/config_page.ts";
import { endCausesPage } from "./docs/end_causes_page.ts";
import { environmentPage } from "./docs/environment_page.ts";
import { exitCodesPage } from "./docs/exit_codes_page.ts";
import { jsonPage } from "./docs/json_page.ts";
import { metricsPage } from "./docs/metrics_page.ts";
import type { ReferencePage } from "./docs/page.ts";
import { ROOT } from "./lint/place.ts";

/** Every page. */
export const PAGES: readonly ReferencePage[] = [
  commandsPage,
  configPage,
  apiPage,
  endCausesPage,
  environmentPage,
  exitCodesPage,
  jsonPage,
  metricsPage,
];

/** The text of a page as it has to stand in its file. */
export async function textOf(page: ReferencePage): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=md", "--config", `${ROOT}/deno.json`, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(await page.text()));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error(`${page.file} could not be formatted`);
  return new TextDecoder().decode(stdout);
}

/** The files of pages that are not what their declarations say. */
export async function stalePages(pages: readonly ReferencePage[] = PAGES): Promise<string[]> {
  const stale: string[] = [];
  for (const page of pages) {
    const there = await Deno.readTextFile(`${ROOT}/${page.file}`).catch(() => "");
    if (there !== await textOf(page)) stale.push(page.file);
  }
  return stale;
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes("--check")) {
    const stale = await stalePages();
    for (const file of stale) console.error(`docs: ${file} is not current: run deno task docs`);
    return stale.length === 0 ? 0 : 1;
  }
  for (const page of PAGES) {
    const path = `${ROOT}/${page.file}`;
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(path, await textOf(page));
    console.log(`docs: wrote ${page.file}`);
  }
  return 0;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
