/** `docs/reference/end-causes.md`: how attempts end, what that costs, and what states mean. */
import { TASK_STATES } from "../../src/model/task_state.ts";
import {
  type Cost,
  END_CAUSE_ROWS,
  JOB_STATE_MEANS,
  TASK_STATE_MEANS,
} from "../../src/wire/end_causes.ts";
import { JOB_STATES } from "../../src/wire/job_states.ts";
import { END_CAUSES } from "../../src/wire/reconcile.ts";
import { code, markdownTable, pageHead, plain, type ReferencePage } from "./page.ts";

const AGAIN: Readonly<Record<Cost, string>> = {
  failure: "yes, `--retries` times, after a rest",
  loss: "yes, `--loss-retries` times",
  crash: "yes, `--loss-retries` times, but no more than `--crash-retries`",
  free: "yes, and it costs nothing",
  final: "no",
};

/** See the head of this file. */
export const endCausesPage: ReferencePage = {
  file: "docs/reference/end-causes.md",
  text: () =>
    [
      pageHead("End causes and states", "`src/wire/end_causes.ts`"),
      "An attempt is one try at a task. Why it ended is its **end cause**; what that means for the task,",
      "and the tasks' states for their job, follows from these tables.\n",
      "## End causes\n",
      markdownTable(
        ["end cause", "what happened", "tried again", "else the task is"],
        END_CAUSES.map((cause) => {
          const { means, cost, state } = END_CAUSE_ROWS[cause];
          return [code(cause), plain(means), AGAIN[cost], code(state)];
        }),
      ),
      "\nWhat was lost or stopped before it had begun starts anew and costs nothing. Failures, losses and",
      "workers that died are counted apart, for each task. A task that failed rests before it is tried",
      "again (`--backoff`, doubled each time), and then avoids the worker.\n",
      "## States of a task\n",
      markdownTable(
        ["state", "what it means"],
        TASK_STATES.map((state) => [code(state), plain(TASK_STATE_MEANS[state])]),
      ),
      "\n## States of a job\n",
      markdownTable(
        ["state", "what it means"],
        JOB_STATES.map((state) => [code(state), plain(JOB_STATE_MEANS[state])]),
      ),
      "\nA job whose state is one of the last five is **done** only when no process of it is left.",
      "`iris job show`, `iris task show` and `iris job explain` say the same of a real one.",
      "",
    ].join("\n"),
};
