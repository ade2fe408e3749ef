/**
 * The reference page of metrics, made from their declarations:
 * `deno run -A scripts/docs/metrics.ts --write`. A test holds the page to it.
 */
import { type MetricDeclaration, type MetricOf, METRICS } from "../../src/base/metric_table.ts";

/** Where the page lies. */
export const METRICS_PAGE = new URL("../../docs/reference/metrics.md", import.meta.url);

const PROCESSES: readonly MetricOf[] = ["controller", "worker", "vm-manager", "every process"];

const INTRO = `# Metrics

What \`GET /metrics\` tells, in the text format of Prometheus. This page is made from
\`src/base/metric_table.ts\` by \`deno run -A scripts/docs/metrics.ts --write\`.
[Observability](../observability.md) says how to ask for it, and what to look at.

Counts begin at zero with the process, as Prometheus expects it. Isolates say what they counted once a
second, so what is read is at most that old. No label names a job, a task, a user or a worker.
`;

/** The page. */
export function metricsPage(): string {
  const sections = PROCESSES.map((process) => {
    const rows = (Object.entries(METRICS) as [string, MetricDeclaration][])
      .filter(([, { of }]) => of === process)
      .map(([name, { kind, labels, help }]) =>
        `| \`${name}\` | ${kind} | ${labels.map(quoted).join(", ")} | ${help} |`
      );
    const title = process === "every process" ? "In every process" : `Of a ${process}`;
    return [
      `## ${title}`,
      "",
      "| name | kind | labels | what it says |",
      "| --- | --- | --- | --- |",
      ...rows,
    ]
      .join("\n");
  });
  return `${INTRO}\n${sections.join("\n\n")}\n`;
}

function quoted(label: string): string {
  return `\`${label}\``;
}

if (import.meta.main) {
  if (Deno.args.includes("--write")) await Deno.writeTextFile(METRICS_PAGE, metricsPage());
  else console.log(metricsPage());
}
