/** What is wrong now, each with the way to mend it. The worst comes first. */
import type { GroupView } from "../../../wire/vms.ts";
import type { WorkerView } from "../../../wire/api.ts";
import { counted, linkTo, pathOf } from "../format.ts";
import { type Html, markup, type Part } from "../markup.ts";
import { action } from "../parts.ts";
import { soon } from "../../soon.ts";
import type { ViewContext } from "../view.ts";

/** More of a kind are only counted. */
const EACH = 5;
/** Jobs that failed lately are told for so long, in ms. */
const LATELY_MS = 15 * 60_000;

const STEP_MS = 10_000;
/** Why a job waits is asked again after so long, and waited for this long, in ms. */
const EXPLAIN_MS = 5_000;
const WAIT_MS = 150;

/** Something that is wrong. */
export interface Problem {
  readonly key: string;
  /** Work goes on in spite of it. */
  readonly mild: boolean;
  readonly what: Part;
  /** What to do about it. */
  readonly mend: Part;
}

/** All of it. */
export async function problemsOf(context: ViewContext): Promise<Problem[]> {
  const { api } = context;
  const { problems, closing } = api.health();
  const workers = api.workers();
  const found: Problem[] = problems.map((line, at) => ({
    key: `health-${at}`,
    mild: false,
    what: line,
    mend:
      markup`A part of the controller is down or stands still: see the <a href="/tree">tree</a>, and its log for why.`,
  }));
  if (closing) {
    found.unshift({
      key: "closing",
      mild: true,
      what: "The cluster is stopping: nothing new is taken in.",
      mend: markup`Who is still up is shown in the <a href="/tree">tree</a>.`,
    });
  }
  if (workers.length === 0 && api.fleet.groups().length === 0 && !closing) {
    found.push({
      key: "no-workers",
      mild: false,
      what: "There is no worker: nothing can run.",
      mend:
        markup`Start one: <code>iris --mode=worker --controller URL --token-file FILE</code>, or give scale groups with <code>--config iris.yaml</code>.`,
    });
  }
  found.push(
    ...lostWorkers(workers),
    ...limited("workers", workers.flatMap((worker) => workerProblem(worker, context))),
  );
  found.push(...limited("groups", api.fleet.groups().flatMap(groupProblem)));
  found.push(...await stuckJobs(context));
  found.push(...limited("jobs", failedLately(context)));
  return found.sort((a, b) => Number(a.mild) - Number(b.mild));
}

function limited(key: string, problems: Problem[]): Problem[] {
  if (problems.length <= EACH) return problems;
  const more = problems.length - EACH;
  const mild = problems.slice(EACH).every((problem) => problem.mild);
  const path = key === "groups" ? "/vms" : key === "jobs" ? "/jobs?state=FAILED" : `/${key}`;
  const rest: Problem = {
    ...{ key: `${key}-more`, mild, what: `And ${more} more of this kind.` },
    mend: markup`See <a href="${path}">all of them</a>.`,
  };
  return [...problems.slice(0, EACH), rest];
}

/** Those that are lost, in one: they have the same remedy, and often the same reason. */
function lostWorkers(workers: readonly WorkerView[]): Problem[] {
  const lost = workers.filter(({ state }) => state === "lost");
  if (lost.length === 0) return [];
  const names = lost.slice(0, EACH).map(({ name }, at) =>
    markup`${at === 0 ? "" : ", "}${linkTo("/workers", name)}`
  );
  const more = lost.length <= EACH
    ? ""
    : markup` and <a href="/workers?state=lost">${lost.length - EACH} more</a>`;
  const reasons = [...new Set(lost.flatMap(({ reason }) => reason ?? []))].slice(0, 2);
  const why = reasons.length === 0 ? "" : `: ${reasons.join("; ")}`;
  return [{
    ...{ key: "workers-lost", mild: false },
    what: markup`${lost.length === 1 ? "Worker" : "Workers"} ${names}${more} ${
      lost.length === 1 ? "is" : "are"
    } lost${why}.`,
    mend:
      markup`Tasks run elsewhere. Look whether the host is up; on it <code>iris worker clear --state-dir DIR</code> ends what is left, and a new start brings a worker back.`,
  }];
}

function workerProblem(worker: WorkerView, { viewer }: ViewContext): Problem[] {
  const { name, state, reason, setAside } = worker;
  const link = linkTo("/workers", name);
  const of = { key: `worker-${name}`, mild: false };
  if (state === "refused") {
    return [{
      ...of,
      what: markup`Worker ${link} is refused: ${reason ?? "no reason is known"}.`,
      mend: "It tries again by itself: mend what it says, on its host.",
    }];
  }
  if (state === "suspect") {
    return [{
      ...{ ...of, mild: true },
      what: markup`Worker ${link} does not answer${reason === null ? "" : `: ${reason}`}.`,
      mend: "It gets nothing new. When it stays silent its tasks run elsewhere.",
    }];
  }
  if (setAside !== null) {
    return [{
      ...{ ...of, mild: true },
      what: markup`Worker ${link} is set aside: ${setAside.why}.`,
      mend: !viewer.may("POST /workers/:name/release")
        ? "It is tried again by itself."
        : markup`It is tried again by itself; sooner: ${
          action({ path: `${pathOf("/workers", name)}/release`, label: "Release", back: "/" })
        }`,
    }];
  }
  if (reason !== null && worker.drained === null) {
    return [{
      ...{ ...of, mild: true },
      what: markup`Worker ${link} gets nothing new: ${reason}.`,
      mend: "Mend that on its host: it goes on by itself.",
    }];
  }
  return [];
}

const GROUP_WORDS = {
  slowed: "is slowed down",
  backoff: "rests for a while",
  quota: "is out of quota",
  halted: "is halted",
} as const;

function groupProblem({ name, heard, manager, availability }: GroupView): Problem[] {
  const link = markup`<a href="/vms#group-${name}">${name}</a>`;
  const of = { key: `group-${name}` };
  if (!heard) {
    return [{
      ...{ ...of, mild: false },
      what: markup`Scale group ${link}: its VM manager ${manager} is not heard.`,
      mend:
        markup`Its VMs stay as they are. Look after <code>iris --mode=vm-manager</code> on its host.`,
    }];
  }
  const { state, reason } = availability;
  if (state === "ok") return [];
  return [{
    ...{ ...of, mild: state !== "halted" },
    what: markup`Scale group ${link} ${GROUP_WORDS[state]}: ${reason}`,
    mend: state === "halted"
      ? markup`Its VMs fail: see why with <code>iris vm logs VM</code>, then change its part of iris.yaml or start the VM manager anew.`
      : "It is asked for more again by itself.",
  }];
}

/** Jobs that wait for what no worker has: of those that wait longest, some are looked at. */
async function stuckJobs({ api, recent, viewer }: ViewContext): Promise<Problem[]> {
  const { jobs } = api.board.jobs({
    ...{ text: "", states: ["PENDING"], user: viewer.user, endedSinceMs: null },
    ...{ sort: "old", offset: 0, limit: EACH },
  });
  const found = await Promise.all(jobs.map(async ({ name, generation }): Promise<Problem[]> => {
    const asked = recent.get(`explain ${generation}`, EXPLAIN_MS, () => api.explain(name));
    const why = await soon(asked.catch(() => null), WAIT_MS);
    if (why?.placement?.impossible !== true) return [];
    const { reason, placement, scaling } = why;
    return [{
      ...{ key: `stuck-${generation}`, mild: false },
      what: markup`Job ${linkTo("/jobs", name)} can run on no worker that there is: ${reason}`,
      mend: markup`To go on: ${placement.unblock}${
        scaling === null ? "" : markup`. Scaling: ${scaling}`
      }`,
    }];
  }));
  return found.flat();
}

function failedLately({ api, nowMs, viewer }: ViewContext): Problem[] {
  // The same question for some seconds, so that it is answered once.
  const endedSinceMs = Math.floor(nowMs / STEP_MS) * STEP_MS - LATELY_MS;
  const { jobs } = api.board.jobs({
    ...{ text: "", user: viewer.user, endedSinceMs, sort: "ended", offset: 0, limit: 4 * EACH },
    states: ["FAILED", "WORKER_FAILED", "UNSCHEDULABLE"],
  });
  return jobs
    .map(({ name, generation, state, reason, counts }): Problem => {
      const failed = (counts.FAILED ?? 0) + (counts.WORKER_FAILED ?? 0);
      const what = reason ?? `${counted(failed, "task")} failed`;
      const path = pathOf("/jobs", name);
      return {
        ...{ key: `job-${generation}`, mild: true },
        what: markup`Job ${linkTo("/jobs", name)} ${
          state === "UNSCHEDULABLE" ? "could not be placed" : "failed"
        }: ${what}`,
        mend:
          markup`Its <a href="${path}?state=FAILED#tasks">tasks</a> and log say why; once mended: ${
            viewer.may("POST /jobs/:name/retry")
              ? action({ path: `${path}/retry`, label: "Run again what failed", back: path })
              : markup`<code>iris job retry ${name}</code>`
          }`,
      };
    });
}

/** Problems as a list. */
export function problemList(problems: readonly Problem[]): Html {
  return markup`<ul class="wrongs">${
    problems.map(({ key, mild, what, mend }) =>
      markup`<li data-key="${key}" class="${
        mild ? "mild" : ""
      }">${what} <span class="mend">${mend}</span></li>`
    )
  }</ul>`;
}
