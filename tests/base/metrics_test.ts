import { assertEquals } from "@std/assert";
import { METRICS } from "../../src/base/metric_table.ts";
import {
  addedUp,
  clearGauge,
  countUp,
  type Figures,
  MAX_SERIES,
  moveGauge,
  observe,
  ownFigures,
  setGauge,
} from "../../src/base/metrics.ts";

function seriesOf(figures: Figures, name: string): Record<string, readonly number[]> {
  const [, series = []] = figures.find(([one]) => one === name) ?? [];
  return Object.fromEntries(series.map(([labels, values]) => [labels.join(","), values]));
}

Deno.test("counters grow, gauges are what was said last, and a copy does not change any more", () => {
  countUp("iris_reconcile_calls_total", 2, "answered");
  countUp("iris_reconcile_calls_total", 3, "answered");
  countUp("iris_reconcile_calls_total", 1, "failed");
  setGauge("iris_workers", 7, "alive");
  moveGauge("iris_workers", -2, "alive");
  const figures = ownFigures();
  countUp("iris_reconcile_calls_total", 100, "answered");
  const calls = seriesOf(figures, "iris_reconcile_calls_total");
  assertEquals(calls, { answered: [5], failed: [1] });
  assertEquals(seriesOf(figures, "iris_workers"), { alive: [5] });
  clearGauge("iris_workers");
  assertEquals(seriesOf(ownFigures(), "iris_workers"), {});
});

Deno.test("an observation falls into the bucket that it is not above, as often as it is told", () => {
  const { upTo } = METRICS.iris_commit_seconds;
  const least = upTo[0]!;
  observe("iris_commit_seconds", least);
  observe("iris_commit_seconds", least * 1.01, { count: 1_000 });
  observe("iris_commit_seconds", 1e9);
  const cells = seriesOf(ownFigures(), "iris_commit_seconds")[""]!;
  assertEquals(cells.length, upTo.length + 2);
  assertEquals(cells.slice(0, 3), [1, 1_000, 0]);
  assertEquals(cells[upTo.length], 1);
  assertEquals(Math.round(cells[upTo.length + 1]! - 1e9), 0);
});

Deno.test("what several isolates counted is added up, and of how long ago it is the greatest", () => {
  const one: Figures = [
    ["iris_isolate_tick_lag_seconds", [[["core"], [0.5]]]],
    ["iris_log_lines_total", [[["error"], [2]], [["info"], [1]]]],
  ];
  const other: Figures = [
    ["iris_isolate_tick_lag_seconds", [[["core"], [0.25]], [["server"], [1]]]],
    ["iris_log_lines_total", [[["error"], [3]]]],
  ];
  const sum = addedUp([one, other]);
  assertEquals(seriesOf(sum, "iris_isolate_tick_lag_seconds"), { core: [0.5], server: [1] });
  assertEquals(seriesOf(sum, "iris_log_lines_total"), { error: [5], info: [1] });
});

Deno.test("a metric never has more series than its limit, and loses nothing beyond it", () => {
  for (let n = 0; n < 3 * MAX_SERIES; n++) {
    countUp("iris_provider_calls_total", 1, `group-${n}`, "create", "ok");
  }
  const series = seriesOf(ownFigures(), "iris_provider_calls_total");
  assertEquals(Object.keys(series).length, MAX_SERIES + 1);
  const all = Object.values(series).reduce((sum, [value = 0]) => sum + value, 0);
  assertEquals(all, 3 * MAX_SERIES);
  assertEquals(series["other,other,other"], [2 * MAX_SERIES]);
});
