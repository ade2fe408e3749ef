import { assertEquals, assertStringIncludes } from "@std/assert";
import { type MetricDeclaration, type MetricName, METRICS } from "../../src/base/metric_table.ts";
import type { Figures } from "../../src/base/metrics.ts";
import { exposition } from "../../src/wire/exposition.ts";
import { hasCommand, needs } from "../support/require.ts";

const ALL = Object.entries(METRICS) as [MetricName, MetricDeclaration][];

/** Something of each metric that there is. */
function everyMetric(): Figures {
  return ALL.map(([name, { labels, ...of }]) => {
    const size = of.kind === "histogram" ? of.upTo.length + 2 : 1;
    const values = new Array(size).fill(1);
    return [name, [[labels.map((label) => `some ${label}`), values]]];
  });
}

async function promtool(text: string): Promise<{ code: number; said: string }> {
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("a histogram's buckets add up, and end with the infinite one", () => {
  const { upTo } = METRICS.iris_commit_seconds;
  const values = new Array(upTo.length + 2).fill(0);
  values[1] = 3;
  values[upTo.length] = 2;
  values[upTo.length + 1] = 4.5;
  const lines = exposition([["iris_commit_seconds", [[[], values]]]]).trimEnd().split("\n");
  assertEquals(lines[1], "# TYPE iris_commit_seconds histogram");
  assertEquals(lines[2], `iris_commit_seconds_bucket{le="${upTo[0]}"} 0`);
  assertEquals(lines[3], `iris_commit_seconds_bucket{le="${upTo[1]}"} 3`);
  assertEquals(lines.slice(-3), [
    'iris_commit_seconds_bucket{le="+Inf"} 5',
    "iris_commit_seconds_sum 4.5",
    "iris_commit_seconds_count 5",
  ]);
});

Deno.test("a label cannot end its line or its quotes", () => {
  const text = exposition([["iris_vms", [[['a"b\\c\nd', "READY"], [1]]]]]);
  assertStringIncludes(text, 'iris_vms{group="a\\"b\\\\c\\nd",state="READY"} 1\n');
  assertEquals(text.split("\n").length, 4);
});

Deno.test("every metric says what it means in a sentence, and has labels of few values", () => {
  for (const [name, { help, labels, kind }] of ALL) {
    assertEquals(/^[A-Z0-9].*\.$/.test(help), true, `${name}: ${help}`);
    assertEquals(name.endsWith("_total"), kind === "counter", name);
    const endless = labels.filter((label) => /job|task|user|worker|vm$|path|url/.test(label));
    assertEquals(endless, [], name);
  }
});

Deno.test({
  name: "promtool has nothing to say about any metric",
  ...await needs("promtool (prometheus)", () => hasCommand("promtool")),
  fn: async () => {
    const { code, said } = await promtool(exposition(everyMetric()));
    assertEquals(said, "");
    assertEquals(code, 0);
    // It would say something.
    const bad = await promtool("# TYPE x_total gauge\nx_total 1\n");
    assertEquals(bad.code !== 0, true);
  },
});
