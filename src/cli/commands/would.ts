/** `--dry-run` of the verbs that end or forget something: says what would happen, and does nothing. */
import { exists } from "../../base/there.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { JobView } from "../../wire/api.ts";
import { type CliContext, fullJobName } from "../context.ts";
import { sumOf } from "../output/job_progress.ts";

/** The most jobs that a purge is counted from. */
const COUNTED_JOBS = 1_000;

/** What would happen: facts for programs, and lines for people. */
interface Would {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly lines: readonly string[];
}

function say(context: CliContext, { facts, lines }: Would, json: boolean): number {
  if (json) context.out(JSON.stringify({ dryRun: true, ...facts }));
  else for (const line of lines) context.out(line);
  return 0;
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `job stop --dry-run`. */
export async function wouldStopJob(
  context: CliContext,
  client: IrisClient,
  { name, json }: { name: string; json: boolean },
): Promise<number> {
  const job = await client.job(fullJobName(context, name));
  const { total, over, running } = sumOf([job]);
  const waiting = total - over - running;
  const line = job.done
    ? `${job.name} is done already: nothing would be stopped`
    : `${job.name} would be stopped: ${counted(running, "running task")} would end, and ` +
      `${waiting} would not begin`;
  const facts = { job: job.name, generation: job.generation, running, waiting, done: job.done };
  return say(context, { facts, lines: [line] }, json);
}

/** `job purge --dry-run`. */
export async function wouldPurge(
  context: CliContext,
  client: IrisClient,
  of: { jobs: readonly string[]; olderThanMs: number | undefined; json: boolean; nowMs: number },
): Promise<number> {
  const names = new Set(of.jobs.map((name) => fullJobName(context, name)));
  const all = await client.jobs({ limit: COUNTED_JOBS });
  const before = of.nowMs - (of.olderThanMs ?? 0);
  const meant = ({ name, done, endedAtMs }: JobView) =>
    done && (names.size > 0 ? names.has(name) : (endedAtMs ?? Infinity) <= before);
  const found = all.filter(meant);
  const more = all.length === COUNTED_JOBS;
  const head =
    `${counted(found.length, "job")} of the ${more ? `newest ${COUNTED_JOBS}` : "jobs"} ` +
    `would be forgotten${found.length === 0 ? "" : ":"}`;
  const facts = { jobs: found.map(({ name, generation }) => ({ name, generation })), more };
  return say(context, { facts, lines: [head, ...found.map(({ name }) => `  ${name}`)] }, of.json);
}

/** `worker drain --dry-run`. */
export async function wouldDrain(
  context: CliContext,
  client: IrisClient,
  { name, undo, json }: { name: string; undo: boolean; json: boolean },
): Promise<number> {
  const worker = await client.worker(name);
  const { running, backlog: waiting, drained } = worker;
  const line = undo
    ? `${worker.name} would get tasks again`
    : `${worker.name} would get no new tasks${
      drained === null ? "" : " (it is drained already)"
    }; ` +
      `${running} running and ${waiting} waiting there go on`;
  const facts = { worker: worker.name, drained: drained !== null, undo, running, waiting };
  return say(context, { facts, lines: [line] }, json);
}

/** `vm stop --dry-run` and `vm reload --dry-run`. */
export async function wouldEndVm(
  context: CliContext,
  client: IrisClient,
  { name, reload, json }: { name: string; reload: boolean; json: boolean },
): Promise<number> {
  const vm = await client.fleet.vm(name);
  const slice = (await client.fleet.vms()).filter((one) => one.slice === vm.slice)
    .map((one) => one.vm);
  const vms = reload ? [vm.vm] : slice;
  const workers = (await client.workers()).filter((worker) => vms.includes(worker.name));
  const running = workers.reduce((sum, worker) => sum + worker.running, 0);
  const tasks = `${counted(running, "task")} running there`;
  const line = reload
    ? `The worker of ${vm.vm} would be started anew, with ${tasks}`
    : `${vms.join(", ")} would be ended (slice ${vm.slice}), with ${tasks}`;
  return say(context, { facts: { vms, slice: vm.slice, running }, lines: [line] }, json);
}

/** `cluster stop --dry-run`. */
export async function wouldStopCluster(
  context: CliContext,
  client: IrisClient,
  { json }: { json: boolean },
): Promise<number> {
  const [workers, vms, jobs] = await Promise.all([
    client.workers(),
    client.fleet.vms(),
    client.jobs({ limit: COUNTED_JOBS }),
  ]);
  const running = workers.reduce((sum, worker) => sum + worker.running, 0);
  const active = jobs.filter(({ done }) => !done).map(({ name }) => name);
  const facts = {
    ...{ running, jobs: active },
    ...{ workers: workers.map(({ name }) => name), vms: vms.map(({ vm }) => vm) },
  };
  const lines = [
    `The whole cluster would be stopped: ${counted(workers.length, "worker")}, ` +
    `${counted(vms.length, "VM")}, ${counted(running, "running task")}`,
    ...active.map((name) => `  ${name} is not done`),
  ];
  return say(context, { facts, lines }, json);
}

/** `cluster restore --dry-run`, of a backup that was found sound. */
export function wouldRestore(
  context: CliContext,
  { database, file, json }: { database: string; file: string; json: boolean },
): number {
  const there = exists(database);
  const line = `${database} would be made from ${file}` +
    (there ? "; the one that is there would be kept beside it" : "");
  return say(context, { facts: { database, file, replaces: there }, lines: [line] }, json);
}

/** `worker clear --dry-run`. */
export function wouldClear(
  context: CliContext,
  { processes, json }: { processes: readonly string[]; json: boolean },
): number {
  const head = processes.length === 0 ? "Nothing is left there" : "These would be ended:";
  const lines = [head, ...processes.map((line) => `  ${line}`)];
  return say(context, { facts: { processes }, lines }, json);
}
