/** What the generated reference says, held against what Iris does: it cannot be right by chance. */
import { assert, assertEquals } from "@std/assert";
import { API_SHAPES } from "../../scripts/docs/api_shapes.ts";
import { apiPage, whoMay } from "../../scripts/docs/api_page.ts";
import { configPage } from "../../scripts/docs/config_page.ts";
import { readTree } from "../../scripts/lint/tree.ts";
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { environmentOf } from "../../src/cli/manual/man_page.ts";
import { MODES } from "../../src/cli/modes/all.ts";
import { API_ROUTES } from "../../src/http/openapi.ts";
import { type Cost, END_CAUSE_ROWS } from "../../src/wire/end_causes.ts";
import { END_CAUSES, type EndCause } from "../../src/wire/reconcile.ts";
import { NOTIFY_VARIABLES, OWN_VARIABLES, TASK_VARIABLES } from "../../src/wire/task_variables.ts";
import { CoreWorld } from "../support/core_world.ts";
import { makeWorld, startIris } from "../support/iris_process.ts";

/** What the reactor makes of an attempt that ran and ended so: with something left to spend, or without. */
function outcome(cause: EndCause, budget: 0 | 1) {
  const world = new CoreWorld();
  try {
    const worker = world.join("w0");
    world.submit("x", { retries: budget, lossRetries: budget, crashRetries: budget });
    world.settle();
    worker.finish(1, {
      atMs: world.now.wallMs,
      end: () => ({ cause, code: cause === "exit" ? 3 : 137 }),
    });
    world.call("w0");
    const charges = world.state.jobs.get(1)?.ledger.of(0);
    return { state: world.tasks("x")[0]!.state, charges };
  } finally {
    world.close();
  }
}

const CHARGED: Readonly<Partial<Record<Cost, readonly [number, number, number]>>> = {
  failure: [1, 0, 0],
  loss: [0, 1, 0],
  crash: [0, 1, 1],
};

// These are the core's own words for what it did itself; a worker never says them.
const CORE_ALONE: ReadonlySet<EndCause> = new Set(["gang", "preempted", "unschedulable"]);

Deno.test("each end costs a task what the reference says, and leaves it in the state it says", () => {
  for (const cause of END_CAUSES.filter((one) => !CORE_ALONE.has(one))) {
    const { cost, state } = END_CAUSE_ROWS[cause];
    const { charges, state: after } = outcome(cause, 1);
    if (cost === "final") {
      assertEquals(after, state, cause);
    } else {
      assertEquals(after, "PENDING", cause);
      assertEquals([charges!.failures, charges!.losses, charges!.crashes], CHARGED[cost], cause);
    }
    assertEquals(outcome(cause, 0).state, state, cause);
  }
});

Deno.test("every variable of Iris in the sources stands in the reference", async () => {
  const declared = new Set([
    ...[...TASK_VARIABLES, ...NOTIFY_VARIABLES, ...OWN_VARIABLES].map(({ name }) => name),
    ...environmentOf([...COMMANDS, ...MODES]).map(([name]) => name),
    "IRIS_PORT_", // Its name goes on with the port's.
  ]);
  const unknown = new Set<string>();
  const unused = new Set(
    [...declared].filter((name) => name.startsWith("IRIS_") && !/</.test(name)),
  );
  for (const [path, text] of await readTree()) {
    if (!path.startsWith("src/") || path === "src/wire/task_variables.ts") continue;
    for (const [name] of text.matchAll(/(?<!\w)IRIS_[A-Z][A-Z_]*/g)) {
      if (!declared.has(name)) unknown.add(`${name} in ${path}`);
      unused.delete(name);
    }
  }
  assertEquals([...unknown], []);
  assertEquals([...unused], [], "nothing in src knows it");
});

Deno.test("a task finds the variables that the reference lists, and no others of Iris", async () => {
  using world = makeWorld();
  Deno.mkdirSync(`${world.dir}/folder`);
  Deno.writeTextFileSync(`${world.dir}/lines`, "one line\n");
  const { ended, output } = startIris(world, [
    ...["job", "run", "--local", "--each-line", "lines", "--bundle", "folder", "--port", "web"],
    ...["--outputs", "1MB", "--result", "--", "env"],
  ]);
  assertEquals((await ended).code, 0, output().stderr);
  const found = [...output().stdout.matchAll(/ \| (\w+)=/g)].map(([, name]) => name!);
  const listed = TASK_VARIABLES.filter(({ when }) => when !== "with TLS").map(({ name }) =>
    name.replace("<NAME>", "WEB")
  );
  assertEquals(found.sort(), ["HOME", "PATH", "IRIS_UID", ...listed].sort());
});

Deno.test("the page of the API has every route with who may call it, and no shape written out twice", async () => {
  const text = await apiPage.text();
  for (const route of API_ROUTES) {
    assert(text.includes(`\n### ${route.method.toUpperCase()} ${route.path}\n`), route.path);
    assert(text.includes(`For ${whoMay(route)}.`), route.path);
  }
  const [routes = ""] = text.split("\n## Shapes\n");
  const blocks = [...routes.matchAll(/```text\n([^]*?)```/g)].map(([, block]) => block!);
  const long = blocks.filter((block) => block.split("\n").length > 16);
  assertEquals(long, [], `give it a name: ${Object.keys(API_SHAPES).join(", ")}`);
});

Deno.test("every key of a scale group says what it means", async () => {
  const text = await configPage.text();
  const [, groups = ""] = text.split("\n### groups\n");
  const rows = groups.split("\n## ")[0]!.split("\n").filter((line) => line.startsWith("| `"));
  assert(rows.length > 35, `${rows.length} rows`);
  assertEquals(rows.filter((row) => /\|\s*\|$/.test(row)), []);
});
