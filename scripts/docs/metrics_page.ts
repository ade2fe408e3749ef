/** `docs/reference/metrics.md`: what `/metrics` tells, from the declarations of metrics. */
import { type MetricDeclaration, type MetricOf, METRICS } from "../../src/base/metric_table.ts";
import { code, markdownTable, pageHead, type ReferencePage } from "./page.ts";

const PROCESSES: readonly MetricOf[] = ["controller", "worker", "vm-manager", "every process"];

const INTRO = `What \`GET /metrics\` tells, in the text format of Prometheus.
[Observability](../observability.md) says how to ask for it, and what to look at.

Counts begin at zero with the process, as Prometheus expects it. Isolates say what they counted once a
second, so what is read is at most that old. No label names a job, a task, a user or a worker.
`;

/** See the head of this file. */
export const metricsPage: ReferencePage = {
  file: "docs/reference/metrics.md",
  text: () =>
    [
      pageHead("Metrics", "`src/base/metric_table.ts`"),
      INTRO,
      ...PROCESSES.map((process) => `${titleOf(process)}\n\n${tableOf(process)}\n`),
    ].join("\n"),
};

function titleOf(process: MetricOf): string {
  return process === "every process" ? "## Of every process" : `## Of a ${process}`;
}

function tableOf(process: MetricOf): string {
  const declared = Object.entries(METRICS) as [string, MetricDeclaration][];
  return markdownTable(
    ["name", "kind", "labels", "what it says"],
    declared.filter(([, { of }]) => of === process)
      .map(([name, { kind, labels, help }]) => [
        ...[code(name), kind, labels.map(code).join(", "), help],
      ]),
  );
}
