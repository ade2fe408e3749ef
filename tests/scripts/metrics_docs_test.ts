/** What is written about metrics is about those that there are. */
import { assert, assertEquals } from "@std/assert";
import { type MetricDeclaration, type MetricName, METRICS } from "../../src/base/metric_table.ts";

const ROOT = new URL("../../", import.meta.url);
/** What Prometheus itself adds, by the configuration of whoever scrapes. */
const SCRAPE_LABELS = ["job", "instance", "le"];

/** What is declared of a name as it stands in an expression; null when it is none of ours. */
function declared(name: string): MetricDeclaration | null {
  const known = (one: string) => Object.hasOwn(METRICS, one) ? METRICS[one as MetricName] : null;
  const whole = known(name);
  if (whole !== null) return whole.kind === "histogram" ? null : whole;
  const base = known(name.replace(/_(bucket|sum|count)$/, ""));
  return base?.kind === "histogram" ? base : null;
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

Deno.test("each metric of the dashboard for Grafana exists, with the labels it is split by", () => {
  const file = new URL("docs/grafana/iris.json", ROOT);
  const { panels } = JSON.parse(Deno.readTextFileSync(file)) as { panels: readonly Panel[] };
  const used = new Set<string>();
  for (const { title, targets = [] } of panels) {
    for (const { expr, legendFormat } of targets) {
      const names = expr.match(/\biris_\w+/g) ?? [];
      assertEquals(names.length, 1, `${title}: ${expr}`);
      const name = names[0]!;
      const metric = declared(name);
      assert(metric !== null, `${title}: there is no ${name}`);
      used.add(name);
      const by = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(","));
      const matched = [...expr.matchAll(/(\w+)(?:=|!=|=~|!~)"/g)].map(([, label = ""]) => label);
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
      for (const label of [...by, ...matched, ...shown].map((one) => one.trim())) {
        const there = [...metric.labels, ...SCRAPE_LABELS];
        assert(there.includes(label), `${title}: ${name} has no label ${label}`);
      }
    }
  }
  assert(used.size > 20, `only ${used.size} metrics are shown`);
});

Deno.test("each metric that a document names exists", () => {
  for (const name of ["docs/observability.md"]) {
    const text = Deno.readTextFileSync(new URL(name, ROOT));
    const strange = (text.match(/\biris_[a-z_]+\b/g) ?? []).filter((one) => declared(one) === null);
    assertEquals(strange, []);
  }
});
