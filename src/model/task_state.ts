/**
 * The life of a task: one transition table. Every change of a task's state in Iris goes through
 * {@linkcode stepTask}; an event that the table does not allow is our own bug. Pure.
 *
 * ```text
 * PENDING ─assign→ ASSIGNED ─(build→ BUILDING)─start→ RUNNING ─succeed→ SUCCEEDED
 *    ↑                │ ↑────built───┘ │                ├─fail→ FAILED
 *    ├─────return─────┴────────────────┘                ├─lose→ WORKER_FAILED
 *    └─────retry────────────────────────────────────────┘
 * ```
 */
/** All states, as they are listed to people. */
export const TASK_STATES = [
  "PENDING",
  "ASSIGNED",
  "BUILDING",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "KILLED",
  "WORKER_FAILED",
  "UNSCHEDULABLE",
  "PREEMPTED",
  "COSCHED_FAILED",
] as const;

/** Where a task is. */
export type TaskState = (typeof TASK_STATES)[number];

/**
 * What can happen to a task. `build`: its worker fetches what it needs. `built`: that is there, and
 * the task waits for its turn. `return`: its attempt never began and costs nothing. `retry`: its
 * attempt ended badly and there is budget for another. `fail`, `lose`: there is none. `give_up`: it
 * can never be placed. `preempt`: it had to make room once too often. `gang`: a member of its gang
 * ended badly for good.
 */
export const TASK_EVENTS = [
  "assign",
  "build",
  "built",
  "start",
  "succeed",
  "fail",
  "retry",
  "return",
  "lose",
  "cancel",
  "give_up",
  "preempt",
  "gang",
] as const;

/** See {@linkcode TASK_EVENTS}. */
export type TaskEvent = (typeof TASK_EVENTS)[number];

type Row = Readonly<Partial<Record<TaskEvent, TaskState>>>;

/** What may end an attempt. A short one may end before anybody saw it start. */
const ENDS = {
  succeed: "SUCCEEDED",
  fail: "FAILED",
  retry: "PENDING",
  cancel: "KILLED",
  lose: "WORKER_FAILED",
  preempt: "PREEMPTED",
  gang: "COSCHED_FAILED",
} as const satisfies Row;

const TERMINAL: Row = {};

/** The table: for each state, what each event makes of it. What is not here must not happen. */
const TRANSITIONS: Readonly<Record<TaskState, Row>> = {
  PENDING: {
    assign: "ASSIGNED",
    cancel: "KILLED",
    give_up: "UNSCHEDULABLE",
    gang: "COSCHED_FAILED",
  },
  ASSIGNED: { ...ENDS, build: "BUILDING", start: "RUNNING", return: "PENDING" },
  BUILDING: { ...ENDS, built: "ASSIGNED", start: "RUNNING", return: "PENDING" },
  RUNNING: ENDS,
  SUCCEEDED: TERMINAL,
  FAILED: TERMINAL,
  KILLED: TERMINAL,
  WORKER_FAILED: TERMINAL,
  UNSCHEDULABLE: TERMINAL,
  PREEMPTED: TERMINAL,
  COSCHED_FAILED: TERMINAL,
};

/** The state after an event, or null when this event must not happen in this state. */
export function stepTask(state: TaskState, event: TaskEvent): TaskState | null {
  return TRANSITIONS[state][event] ?? null;
}

/** Whether nothing can happen to a task in this state any more. */
export function isTerminalTask(state: TaskState): boolean {
  return TRANSITIONS[state] === TERMINAL;
}
