/** Jobs and tasks as lines for people. */
import type { CliContext } from "../context.ts";
import type { JobExplanation, JobView, TaskView } from "../../wire/api.ts";
import { formatDuration, formatTable, paintState } from "../output/table.ts";

/** What a table has to fit, and whether it has colours. */
type Screen = Pick<CliContext, "columns" | "color">;

/** Without the rest of a context, the properties of which are looked at when they are used. */
function screenOf({ columns, color }: Screen): Screen {
  return { columns, ...(color === undefined ? {} : { color }) };
}

/** `3 running, 1 succeeded`. */
export function countsText(job: JobView): string {
  return Object.entries(job.counts)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state.toLowerCase()}`)
    .join(", ");
}

/** The table of `job list`. */
export function jobTable(
  jobs: readonly JobView[],
  nowMs: number,
  screen: Screen = {},
): string {
  const rows = jobs.map((job) => [
    job.name,
    job.state,
    countsText(job),
    formatDuration(nowMs - job.submittedAtMs),
    tookText(job),
  ]);
  const header = ["JOB", "STATE", "TASKS", "AGE", "TOOK"];
  return formatTable(header, rows, { ...screenOf(screen), drop: ["TOOK", "AGE", "TASKS"] });
}

/** Everything about one job: facts, then its tasks. */
export function jobDetails(
  job: JobView,
  tasks: readonly TaskView[],
  screen: Screen = {},
): string {
  const facts: [string, string][] = [
    ["job", job.name],
    ["state", screen.color ? paintState(job.state) : job.state],
    ["tasks", `${job.replicas}: ${countsText(job)}`],
    commandFact(job.spec),
    ["submitted", new Date(job.submittedAtMs).toISOString()],
  ];
  const took = tookText(job);
  if (took !== "") facts.push(["took", took]);
  if (job.reason !== null) facts.push(["why", job.reason]);
  if (!job.done && job.endedAtMs !== null) facts.push(["", "processes of it are still ending"]);
  const head = facts.map(([name, value]) => `${name.padEnd(10)}${value}`).join("\n");
  const rows = tasks.map((task) => [
    String(task.index),
    task.state,
    task.attempt === null ? "" : String(task.attempt),
    task.worker ?? "",
    task.exitCode === null ? "" : String(task.exitCode),
    task.endCause ?? "",
    task.detail ?? "",
  ]);
  const table = formatTable(
    ["TASK", "STATE", "ATTEMPT", "WORKER", "EXIT", "CAUSE", "DETAIL"],
    rows,
    { ...screenOf(screen), drop: ["ATTEMPT", "CAUSE", "WORKER", "EXIT"] },
  );
  const more = job.replicas > tasks.length ? `\n... and ${job.replicas - tasks.length} more` : "";
  return `${head}\n\n${table}${more}`;
}

/** What runs: a command, in a container perhaps, or a function of a module. */
function commandFact({ argv, module, container }: JobView["spec"]): [string, string] {
  if (module !== null) {
    const args = module.args === null ? "" : ` ${JSON.stringify(module.args)}`;
    return ["module", `${module.file}#${module.export}${args}`];
  }
  if (container !== null) return ["container", [container.image, ...argv].join(" ")];
  return ["command", argv.join(" ")];
}

/** Why a job is not further than it is: the line, then what it rests on. */
export function explanationText(explanation: JobExplanation): string {
  const { name, state, reason, waitsFor, held, resting, ready, allowance, placement } = explanation;
  const lines = [`${name} ${stateWords(state)}: ${reason}`];
  for (const { job, on } of waitsFor) lines.push(`  waits for the ${on} of ${job}`);
  if (resting !== null) {
    const at = new Date(resting.untilMs).toISOString();
    lines.push(
      `  ${counted(resting.tasks, "task rests", "tasks rest")} after a failure, until ${at}`,
    );
  }
  const waits = held || waitsFor.length > 0;
  if (ready > 0) {
    lines.push(
      `  ${counted(ready, "task", "tasks")} ${waits ? "after that" : "ready to be placed"}`,
    );
  }
  if (allowance !== null && !waits) lines.push(`  ${allowance} more may run at the same time`);
  // A controller of before knows nothing of it.
  if (explanation.scaling) lines.push(`  ${explanation.scaling}`);
  if (placement === null) return lines.join("\n");
  lines.push(
    `  number ${placement.place} in the queue for ${
      counted(placement.workers, "worker", "workers")
    }`,
  );
  for (const { what, count } of placement.ruledOut) {
    lines.push(`  ${counted(count, "worker is", "workers are")} ruled out by ${what}`);
  }
  if (placement.nearest !== null) {
    const missing = placement.nearest.missing.map(({ what, needs, has }) =>
      `${what}: needs ${needs}, has ${has}`
    );
    lines.push(`  nearest is ${placement.nearest.worker} (${missing.join("; ")})`);
  }
  return [...lines, `  ${placement.unblock}`].join("\n");
}

/** `is pending`, `has succeeded`. */
function stateWords(state: JobExplanation["state"]): string {
  switch (state) {
    case "SUCCEEDED":
    case "FAILED":
      return `has ${state.toLowerCase()}`;
    case "KILLED":
      return "was killed";
    case "WORKER_FAILED":
      return "has failed with its worker";
    case "UNSCHEDULABLE":
      return "could not be placed";
    default:
      return `is ${state.toLowerCase()}`;
  }
}

function counted(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** From the first start to the end, or nothing yet. */
export function tookText(job: JobView): string {
  if (job.startedAtMs === null || job.endedAtMs === null) return "";
  return formatDuration(job.endedAtMs - job.startedAtMs);
}

/** `job /me/a succeeded: 4 of 4 tasks in 320 ms`. */
export function jobResultLine(job: JobView): string {
  const good = job.counts.SUCCEEDED ?? 0;
  const took = tookText(job);
  const why = job.reason === null || job.state === "SUCCEEDED" ? "" : `: ${job.reason}`;
  return `job ${job.name} ${job.state.toLowerCase()}: ${good} of ${job.replicas} ` +
    `task${job.replicas === 1 ? "" : "s"} succeeded${took === "" ? "" : ` in ${took}`}${why}`;
}
