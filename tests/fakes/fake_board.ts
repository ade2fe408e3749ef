/** What pages read, over jobs that a test made; nothing is kept from look to look. */
import type {
  BoardApi,
  BoardCounts,
  EventQuery,
  JobLine,
  JobLines,
  JobQuery,
  Throughput,
  WorkerHolding,
} from "../../src/controller/board_api.ts";
import type { EventView, JobView, TaskCounts, TaskState, TaskView } from "../../src/wire/api.ts";

/** What it looks at. */
export interface BoardSource {
  /** Newest first. */
  jobs(filter: { limit: number }): JobView[];
  tasks(name: string, page: { offset: number; limit: number }): TaskView[];
  events(
    after: string | null,
    filter: { limit: number },
  ): { readonly events: readonly EventView[] };
}

/** See the head of this file. */
export class FakeBoard implements BoardApi {
  readonly end = new AbortController();
  readonly closed = this.end.signal;
  held: WorkerHolding[] = [];
  story: EventView[] = [];
  changes = 0;
  readonly #of: BoardSource;

  constructor(of: BoardSource) {
    this.#of = of;
  }

  version(): string {
    return String(this.changes);
  }

  jobs({ text, states, user, endedSinceMs, sort, offset, limit }: JobQuery): JobLines {
    const found = this.#lines().filter((job) =>
      job.name.toLowerCase().includes(text.toLowerCase()) &&
      (states.length === 0 || states.includes(job.state)) && (user === null || job.user === user) &&
      (endedSinceMs === null || job.done && (job.endedAtMs ?? 0) >= endedSinceMs)
    );
    if (sort === "old") found.reverse();
    if (sort === "name") found.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    if (sort === "ended") found.sort((a, b) => (b.endedAtMs ?? -1) - (a.endedAtMs ?? -1));
    return { jobs: found.slice(offset, offset + limit), total: found.length };
  }

  users(): readonly string[] {
    return [...new Set(this.#lines().map(({ user }) => user))].sort();
  }

  counts(user: string | null): BoardCounts {
    const all = this.#of.jobs({ limit: Infinity }).filter(({ name }) =>
      user === null || name.split("/")[1] === user
    );
    const open = all.filter(({ done }) => !done);
    const jobs: Record<string, number> = {};
    for (const { state } of all) jobs[state] = (jobs[state] ?? 0) + 1;
    const tasks: Partial<Record<TaskState, number>> = {};
    let [cpuMilli, memoryBytes] = [0, 0];
    for (const { counts, spec } of open) {
      for (const [state, n] of Object.entries(counts) as [TaskState, number][]) {
        tasks[state] = (tasks[state] ?? 0) + n;
      }
      cpuMilli += (counts.RUNNING ?? 0) * spec.cpuMilli;
      memoryBytes += (counts.RUNNING ?? 0) * spec.memoryBytes;
    }
    const waiting = open.filter(({ state }) => state === "PENDING");
    const oldestPendingMs = waiting.length === 0
      ? null
      : Math.min(...waiting.map(({ submittedAtMs }) => submittedAtMs));
    return { jobs, tasks, cpuMilli, memoryBytes, oldestPendingMs };
  }

  throughput(): Throughput {
    return { stepMs: 5_000, points: [{ atMs: 5_000, counts: {} }, { atMs: 10_000, counts: {} }] };
  }

  children(generation: number, _name: string, limit: number): JobLine[] {
    return this.#lines().filter(({ parent }) => parent === generation).slice(0, limit);
  }

  cells(
    generation: number,
    { cells, replicas }: { replicas: number; cells: number },
  ): TaskCounts[] {
    const job = this.#of.jobs({ limit: Infinity }).find((one) => one.generation === generation);
    return Array.from({ length: cells }, (_, at) => {
      const done = job?.counts.SUCCEEDED === replicas;
      const size = Math.ceil((at + 1) * replicas / cells) - Math.ceil(at * replicas / cells);
      return done ? { SUCCEEDED: size } : {};
    });
  }

  tasksIn(
    { name }: { readonly name: string },
    states: readonly TaskState[],
    { offset, limit }: { offset: number; limit: number },
  ): TaskView[] {
    return this.#of.tasks(name, { offset: 0, limit: 1_000_000 })
      .filter(({ state }) => states.includes(state)).slice(offset, offset + limit);
  }

  heldBy(): WorkerHolding[] {
    return this.held;
  }

  events({ before, kinds, job, worker, user, limit }: EventQuery): EventView[] {
    return [...this.#of.events("oldest", { limit: 1_000_000 }).events].reverse().filter((event) =>
      (before === null || Number(event.cursor.split(".")[1]) < before) &&
      (kinds.length === 0 || kinds.includes(event.kind)) &&
      (job === null || event.job?.includes(job) === true) &&
      (worker === null || event.worker === worker) &&
      (user === null || event.job?.split("/")[1] === user)
    ).slice(0, limit);
  }

  taskStory(): EventView[] {
    return this.story;
  }

  #lines(): JobLine[] {
    return this.#of.jobs({ limit: Infinity }).map((job) => ({
      ...job,
      user: job.name.split("/")[1] ?? "",
    }));
  }
}
