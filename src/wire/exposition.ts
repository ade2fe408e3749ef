/**
 * Figures as Prometheus reads them: the text format 0.0.4. Pure.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { type MetricDeclaration, type MetricName, METRICS } from "../base/metric_table.ts";
import type { Figures, Series } from "../base/metrics.ts";

/** What the text is, for `Content-Type`. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Writes figures, in the order of the table. What nothing was counted of is left out. */
export function exposition(figures: Figures): string {
  const known = new Map(figures);
  const lines: string[] = [];
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const series = known.get(name);
    if (series !== undefined) lines.push(...linesOf(name, series));
  }
  return lines.length === 0 ? "" : lines.join("\n") + "\n";
}

function linesOf(name: MetricName, series: readonly Series[]): string[] {
  const declared: MetricDeclaration = METRICS[name];
  const lines = [
    `# HELP ${name} ${declared.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
    `# TYPE ${name} ${declared.kind}`,
  ];
  for (const [labels, values] of series) {
    const pairs = declared.labels.map((label, at) => `${label}="${escaped(labels[at] ?? "")}"`);
    if (declared.kind !== "histogram") {
      lines.push(`${name}${braced(pairs)} ${numberText(values[0] ?? 0)}`);
      continue;
    }
    let count = 0;
    [...declared.upTo, Infinity].forEach((bound, at) => {
      count += values[at] ?? 0;
      lines.push(`${name}_bucket${braced([...pairs, `le="${numberText(bound)}"`])} ${count}`);
    });
    lines.push(`${name}_sum${braced(pairs)} ${numberText(values[declared.upTo.length + 1] ?? 0)}`);
    lines.push(`${name}_count${braced(pairs)} ${count}`);
  }
  return lines;
}

function braced(pairs: readonly string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
