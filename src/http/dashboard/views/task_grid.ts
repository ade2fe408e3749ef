/** All tasks of a job at once: each a square, or many of them one. */
import type { BoardApi } from "../../../controller/board_api.ts";
import type { JobView, TaskCounts, TaskState } from "../../../wire/api.ts";
import { count, counted, countsText, pathOf, wordOf } from "../format.ts";
import { type Html, markup, NOTHING } from "../markup.ts";
import { badge } from "../parts.ts";

/** The most squares, and how many stand in a row. */
const MAX_CELLS = 600;
const COLUMNS = 60;
/** From one square to the next, and how wide one is. */
const PITCH = 10;
const SIZE = 8;

/** What a square of many tasks shows: the first of these that one of them is in. */
const TELLING: readonly TaskState[] = [
  ...["FAILED", "WORKER_FAILED", "UNSCHEDULABLE", "COSCHED_FAILED", "RUNNING"] as const,
  ...["BUILDING", "ASSIGNED", "PENDING", "PREEMPTED", "KILLED", "SUCCEEDED"] as const,
];

/** The squares, or nothing for a job of one task. */
export function taskGrid(board: BoardApi, job: JobView): Html {
  const { replicas, generation, counts, name } = job;
  if (replicas < 2) return NOTHING;
  const number = Math.min(replicas, MAX_CELLS);
  const cells = board.cells(generation, { replicas, cells: number });
  const size = replicas / number;
  const paths = new Map<TaskState, string>();
  cells.forEach((known, at) => {
    const whole = Math.ceil((at + 1) * size) - Math.ceil(at * size);
    const state = stateOf(known, whole);
    const [x, y] = [(at % COLUMNS) * PITCH, Math.floor(at / COLUMNS) * PITCH];
    paths.set(state, `${paths.get(state) ?? ""}M${x} ${y}h${SIZE}v${SIZE}h-${SIZE}z`);
  });
  const height = Math.ceil(number / COLUMNS) * PITCH;
  const each = size === 1
    ? "each square is a task"
    : `each square is ${counted(Math.round(size), "task")}`;
  return markup`<div class="panel grid-box"><h2>Tasks <span class="dim">${each}</span></h2><svg viewBox="0 0 ${
    COLUMNS * PITCH
  } ${height}" role="img" aria-label="${
    countsText(counts)
  }" data-cells="${number}" data-columns="${COLUMNS}" data-size="${size}" data-path="${
    pathOf("/jobs", name)
  }">${
    [...paths].map(([state, d]) =>
      markup`<path class="s-${state}" d="${d}"><title>${wordOf(state)}</title></path>`
    )
  }</svg><div class="legend">${
    Object.entries(counts).map(([state, n]) => markup`<span>${badge(state)} ${count(n)}</span>`)
  }</div></div>`;
}

function stateOf(known: TaskCounts, whole: number): TaskState {
  const said = Object.values(known).reduce((sum, n) => sum + n, 0);
  for (const state of TELLING) {
    if ((known[state] ?? 0) > 0) return state;
    if (state === "PENDING" && said < whole) return state;
  }
  return "PENDING";
}
