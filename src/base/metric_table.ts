/**
 * Every metric that Iris has: its kind, what it means, and its labels. `/metrics` writes them, the
 * reference page is made from them, and nothing can count what does not stand here. Names follow the
 * conventions of Prometheus: base units, `_total` for what only grows. Labels have few values, known
 * beforehand or chosen by whoever configures the cluster: never a job, a task or a user.
 */

/** What a metric is. `upTo` are the upper bounds of a histogram's buckets, without the infinite one. */
export type MetricDeclaration =
  & {
    readonly help: string;
    readonly labels: readonly string[];
    readonly of: MetricOf;
    /** Of several isolates the greatest counts, not the sum. */
    readonly greatest?: true;
  }
  & (
    | { readonly kind: "counter" | "gauge" }
    | { readonly kind: "histogram"; readonly upTo: readonly number[] }
  );

/** Which process has it. */
export type MetricOf = "controller" | "worker" | "vm-manager" | "every process";

/** From one ms to two hours: how long somebody waits. In seconds. */
const WAITS = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200],
];
/** From a tenth of a ms to ten seconds: how long Iris itself takes. In seconds. */
const STEPS = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 10],
];

const controller = "controller";
const worker = "worker";
const manager = "vm-manager";
const every = "every process";

/** See the head of this file. In the order of the reference page. */
export const METRICS = {
  iris_jobs: {
    ...{ kind: "gauge", of: controller, labels: ["state"] },
    help: "Jobs that are not done, by state; SUCCEEDED and the like while their last tasks go.",
  },
  iris_jobs_submitted_total: {
    ...{ kind: "counter", of: controller, labels: [] },
    help: "Jobs that were taken in.",
  },
  iris_jobs_ended_total: {
    ...{ kind: "counter", of: controller, labels: ["state"] },
    help: "Jobs that are done, by the state they ended in.",
  },
  iris_tasks: {
    ...{ kind: "gauge", of: controller, labels: ["state"] },
    help: "Tasks that are not over, by state.",
  },
  iris_tasks_ended_total: {
    ...{ kind: "counter", of: controller, labels: ["state"] },
    help: "Tasks that are over, by the state they ended in.",
  },
  iris_attempts_ended_total: {
    ...{ kind: "counter", of: controller, labels: ["cause"] },
    help: "Attempts that ended, by cause. More than tasks, where some are tried again.",
  },
  iris_queue_tasks: {
    ...{ kind: "gauge", of: controller, labels: ["band"] },
    help: "Tasks that wait to be placed, by priority band.",
  },
  iris_submit_seconds: {
    ...{ kind: "histogram", of: controller, labels: [], upTo: STEPS },
    help: "How long the submit of a job took that was taken in: from the request to its commit.",
  },
  iris_dispatch_seconds: {
    ...{ kind: "histogram", of: controller, labels: [], upTo: WAITS },
    help: "From when a task could be placed to when it was given to a worker; first attempts only.",
  },
  iris_start_seconds: {
    ...{ kind: "histogram", of: controller, labels: [], upTo: WAITS },
    help: "From when a task could be placed to when its process began; first attempts only.",
  },
  iris_scheduling_pass_seconds: {
    ...{ kind: "histogram", of: controller, labels: [], upTo: STEPS },
    help: "How long one scheduling pass took.",
  },
  iris_commit_seconds: {
    ...{ kind: "histogram", of: controller, labels: [], upTo: STEPS },
    help: "How long one commit to the store took.",
  },
  iris_commits_refused_total: {
    ...{ kind: "counter", of: controller, labels: [] },
    help: "Commits that the disk refused: they are kept and tried again.",
  },
  iris_store_size_bytes: {
    ...{ kind: "gauge", of: controller, labels: ["file"] },
    help: "Size of the store: the database, and the log of what is not yet in it.",
  },
  iris_workers: {
    ...{ kind: "gauge", of: controller, labels: ["state"] },
    help: "Workers that are known, by state.",
  },
  iris_workers_unplaceable: {
    ...{ kind: "gauge", of: controller, labels: [] },
    help: "Workers that answer and get no new tasks: drained, set aside, or not well.",
  },
  iris_capacity_cpu_cores: {
    ...{ kind: "gauge", of: controller, labels: [] },
    help: "Cores that workers offer which answer.",
  },
  iris_capacity_memory_bytes: {
    ...{ kind: "gauge", of: controller, labels: [] },
    help: "Memory that workers offer which answer.",
  },
  iris_used_cpu_cores: {
    ...{ kind: "gauge", of: controller, labels: [] },
    help: "Cores that attempts hold which run or are being stopped, as their jobs asked for them.",
  },
  iris_used_memory_bytes: {
    ...{ kind: "gauge", of: controller, labels: [] },
    help: "Memory that attempts hold which run or are being stopped, as their jobs asked for it.",
  },
  iris_attempts: {
    ...{ kind: "gauge", of: controller, labels: ["state"] },
    help: "Attempts that workers hold: running, or waiting there.",
  },
  iris_vms: {
    ...{ kind: "gauge", of: controller, labels: ["group", "state"] },
    help: "VMs, by scale group and state.",
  },
  iris_group_slices: {
    ...{ kind: "gauge", of: controller, labels: ["group", "which"] },
    help: "Slices of a scale group: how many it has, is to have, and may have at least and most.",
  },
  iris_group_blocked: {
    ...{ kind: "gauge", of: controller, labels: ["group", "by"] },
    help: "1 where a scale group cannot be asked for more now, by what holds it up.",
  },
  iris_autoscaler_decisions_total: {
    ...{ kind: "counter", of: controller, labels: ["group", "reason"] },
    help: "Decisions to change how many slices a group is to have, by what they come from.",
  },
  iris_reconcile_calls_total: {
    ...{ kind: "counter", of: controller, labels: ["result"] },
    help: "Heartbeat calls to workers: answered or failed.",
  },
  iris_followers: {
    ...{ kind: "gauge", of: controller, labels: ["stream"] },
    help: "Clients that follow a stream now.",
  },
  iris_http_requests_total: {
    ...{ kind: "counter", of: every, labels: ["method", "route", "status"] },
    help: "HTTP requests that were answered, by the pattern of their route.",
  },
  iris_http_request_duration_seconds: {
    ...{ kind: "histogram", of: every, labels: ["method", "route"], upTo: STEPS },
    help: "From a request to the head of its answer; a stream goes on after it.",
  },
  iris_worker_attempts: {
    ...{ kind: "gauge", of: worker, labels: ["state"] },
    help: "Attempts that this worker has: running, or waiting.",
  },
  iris_worker_attempts_ended_total: {
    ...{ kind: "counter", of: worker, labels: ["cause"] },
    help: "Attempts that ended on this worker, by cause.",
  },
  iris_worker_attempts_forced_total: {
    ...{ kind: "counter", of: worker, labels: [] },
    help: "Attempts that had to be killed: they did not end when they were asked to.",
  },
  iris_worker_attempt_stop_seconds: {
    ...{ kind: "histogram", of: worker, labels: [], upTo: WAITS },
    help: "From when an attempt was asked to end to when it was proved gone.",
  },
  iris_worker_unwell: {
    ...{ kind: "gauge", of: worker, labels: [] },
    help: "1 while this worker takes no new tasks since its host is not well.",
  },
  iris_provider_calls_total: {
    ...{ kind: "counter", of: manager, labels: ["group", "call", "result"] },
    help: "Calls to a provider of VMs, by scale group and how they came out.",
  },
  iris_provider_call_seconds: {
    ...{ kind: "histogram", of: manager, labels: ["group", "call"], upTo: WAITS },
    help: "How long a call to a provider of VMs took.",
  },
  iris_stop_seconds: {
    ...{ kind: "histogram", of: every, labels: ["kind", "outcome"], upTo: WAITS },
    help: "How long parts of the ownership tree took to stop.",
  },
  iris_isolate_tick_lag_seconds: {
    ...{ kind: "gauge", of: every, labels: ["isolate"], greatest: true },
    help: "How long ago a loop gave its last sign of life: the worst, of loops of one name.",
  },
  iris_isolate_stalled: {
    ...{ kind: "gauge", of: every, labels: ["isolate"] },
    help: "Loops that are down, or gave no sign of life for too long.",
  },
  iris_isolate_restarts_total: {
    ...{ kind: "counter", of: every, labels: ["isolate"] },
    help: "How often a loop was started again after a crash.",
  },
  iris_isolate_memory_bytes: {
    ...{ kind: "gauge", of: every, labels: ["isolate"] },
    help: "Memory of an isolate's heap.",
  },
  iris_log_lines_total: {
    ...{ kind: "counter", of: every, labels: ["level"] },
    help: "Lines that were logged, by level.",
  },
  iris_figures_complete: {
    ...{ kind: "gauge", of: every, labels: [] },
    help: "1 where all of this is told; 0 where main did not answer, and only the server's is.",
  },
  iris_resident_memory_bytes: {
    ...{ kind: "gauge", of: every, labels: [] },
    help: "Memory of the whole process that is in RAM.",
  },
  iris_start_time_seconds: {
    ...{ kind: "gauge", of: every, labels: [] },
    help: "When the process began, in seconds since the epoch.",
  },
  iris_build_info: {
    ...{ kind: "gauge", of: every, labels: ["version", "deno"] },
    help: "Always 1; says which version runs.",
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;

type Of<Kind> = {
  [Name in MetricName]: (typeof METRICS)[Name]["kind"] extends Kind ? Name : never;
}[MetricName];

/** Names of counters. */
export type CounterName = Of<"counter">;
/** Names of gauges. */
export type GaugeName = Of<"gauge">;
/** Names of histograms. */
export type HistogramName = Of<"histogram">;

/** What is declared of a metric. */
export function metricOf(name: MetricName): MetricDeclaration {
  return METRICS[name];
}
