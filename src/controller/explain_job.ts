/** Why a job is not further than it is: from the core's state, as data. Pure. */
import type { Job } from "../model/job.ts";
import { isTerminalJob } from "../model/rollup.ts";
import type { TaskTally } from "../model/task_counts.ts";
import type { Dependency, JobExplanation, JobSpec, JobView } from "../wire/api.ts";
import type { ClusterState } from "./cluster_state.ts";

/** Explains a job that is not done. */
export function explainJob(state: ClusterState, job: Job<JobSpec>): JobExplanation {
  const { pending } = job;
  const waitsFor = [...job.waits].map(([generation, on]): Dependency => ({
    job: state.jobs.get(generation)?.name ?? String(generation),
    on,
  }));
  const untilMs = pending.nextMs;
  // Of a job that has as much as it allows, no worker is in the way.
  const placement = state.placeable.has(job) && job.allowance > 0 ? job.placement : null;
  return {
    name: job.name,
    generation: job.generation,
    state: job.state,
    reason: reasonOf(job, placement?.line ?? null),
    waitsFor,
    held: job.held,
    resting: untilMs === null ? null : { tasks: pending.size - pending.ready, untilMs },
    ready: pending.ready,
    allowance: job.spec.maxRunning === null ? null : job.allowance,
    placement,
    scaling: state.placeable.has(job) ? state.scaling.get(job.generation) ?? null : null,
  };
}

/** Explains a job that is done. */
export function explainDone(job: JobView): JobExplanation {
  return {
    name: job.name,
    generation: job.generation,
    state: job.state,
    reason: job.reason ?? "it is over",
    waitsFor: [],
    held: false,
    resting: null,
    ready: 0,
    allowance: null,
    placement: null,
    scaling: null,
  };
}

/** Nothing waits to be placed: what workers run, what waits there for its turn, or for its bundle. */
function withWorkers(tally: TaskTally): string {
  const [running, assigned] = [tally.of("RUNNING"), tally.of("ASSIGNED")];
  const building = tally.of("BUILDING");
  const counted = (n: number, verb: string) => `${n} ${n === 1 ? "task" : "tasks"} ${verb}`;
  const runs = counted(running, running === 1 ? "runs" : "run");
  const waits = counted(assigned, assigned === 1 ? "waits" : "wait");
  const turn = `with ${assigned === 1 ? "its" : "their"} worker until a task there ends`;
  if (assigned + building === 0) return `${runs}, none waits`;
  return [
    ...running > 0 ? [runs] : [],
    ...building > 0
      ? [`${counted(building, building === 1 ? "waits for its" : "wait for their")} bundle`]
      : [],
    ...assigned > 0 ? [`${waits} ${turn}`] : [],
  ].join(", ");
}

function reasonOf(job: Job<JobSpec>, placement: string | null): string {
  const { tally, pending } = job;
  if (isTerminalJob(job.state)) {
    return `${job.endReason ?? "it is over"}; processes of it are still ending`;
  }
  if (job.held || job.waits.size > 0) return job.waitReason ?? "it waits";
  if (pending.size === 0) return withWorkers(tally);
  if (pending.ready === 0) return "all that is left of it rests after a failure";
  if (job.spec.gang !== null && pending.ready < tally.open) {
    return "its gang is taken apart, to start anew together";
  }
  if (job.allowance === 0) return "as much of it runs as it allows";
  // After a restart the last pass of the run before had something to say as well.
  return placement ?? job.waitReason ?? "a scheduling pass will look at it in a moment";
}
