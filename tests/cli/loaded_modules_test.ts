/** How many modules main and the isolates load at their start: each takes a fifth of a millisecond. */
import { assert } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

interface Dependency {
  readonly specifier: string;
  readonly isDynamic?: boolean;
  readonly code?: { readonly specifier?: string };
}

interface Graph {
  readonly roots: readonly string[];
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly Dependency[];
  }[];
}

async function graphOf(entry: string): Promise<Graph> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** What is loaded: all that is imported at the top, and of the rest what ends with one of these. */
function loaded(graph: Graph, dynamic: readonly string[] = []): Set<string> {
  const modules = new Map(graph.modules.map((module) => [module.specifier, module]));
  const seen = new Set<string>();
  const visit = (specifier: string) => {
    if (seen.has(specifier)) return;
    seen.add(specifier);
    for (const { isDynamic, code, ...of } of modules.get(specifier)?.dependencies ?? []) {
      const wanted = !isDynamic || dynamic.some((name) => of.specifier.endsWith(`/${name}`));
      if (wanted && code?.specifier !== undefined) visit(code.specifier);
    }
  };
  graph.roots.forEach(visit);
  return seen;
}

function assertAtMost(found: ReadonlySet<string>, limit: number, what: string): void {
  const names = [...found].map((one) => one.split("/src/").at(-1)).sort().join(" ");
  assert(found.size <= limit, `${what} loads ${found.size} modules, not ${limit}: ${names}`);
}

/** Packages and modules of Deno that take longer to load than an isolate to start. */
const SLOW = /^npm:.*(logtape|fastest-levenshtein|ignore@|x509)|^node:(?!sqlite)/;

Deno.test("a command loads what it needs itself, and no package", async () => {
  const graph = await graphOf("main.ts");
  const list = loaded(graph, [
    "dispatch.ts",
    "job_declarations.ts",
    "connect.ts",
    "job_commands.ts",
  ]);
  assert([...list].some((one) => one.endsWith("src/client/iris_client.ts")), "the test sees all");
  assertAtMost(list, 75, "iris job list");
  const local = loaded(graph, ["dispatch.ts", "job_declarations.ts", "job_run.ts", "local_job.ts"]);
  assert([...local].some((one) => one.endsWith("src/lifecycle/owner.ts")), "the test sees all");
  assertAtMost(local, 172, "iris job run --local");
  assertAtMost(loaded(graph, ["keeper.ts"]), 110, "a keeper");
  for (const found of [list, local]) {
    const packages = [...found].filter((one) => /^(npm|node):/.test(one));
    assert(packages.length === 0, `main loads ${packages.join(", ")} at its start`);
  }
});

Deno.test("no isolate loads at its start what takes longer than it does", async () => {
  for (const { name } of Deno.readDirSync(`${ROOT}/src/isolates`)) {
    const slow = [...loaded(await graphOf(`src/isolates/${name}`))].filter((one) => SLOW.test(one));
    assert(slow.length === 0, `${name} loads ${slow.join(", ")}`);
  }
});
