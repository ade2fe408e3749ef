/** Events as sentences. */
import type { EventKind, EventView } from "../../../wire/api.ts";
import { clockTime, counted, linkTo, taskLink, wordOf } from "../format.ts";
import { type Html, markup, NOTHING, type Part } from "../markup.ts";
import { badge, table } from "../parts.ts";

/** A list of events. */
export function eventTable(events: readonly EventView[], caption: string): Html {
  const columns = [
    { head: "When" },
    { head: "What" },
    { head: "About", kind: "main" as const },
    { head: "", kind: "main" as const },
  ];
  return table(
    columns,
    events.map((event) => ({
      key: event.cursor,
      cells: [
        clockTime(event.atMs),
        NAMES[event.kind] ?? wordOf(event.kind),
        about(event),
        said(event),
      ],
    })),
    caption,
  );
}

/** What each kind is called. */
export const NAMES: Readonly<Record<EventKind, string>> = {
  cluster_started: "controller started",
  job_submitted: "job submitted",
  job_held: "job held",
  job_state: "job",
  job_done: "job done",
  job_purged: "job forgotten",
  task_ended: "task ended",
  task_retried: "task tried again",
  endpoint_registered: "endpoint up",
  endpoint_gone: "endpoint gone",
  worker_registered: "worker came",
  worker_refused: "worker refused",
  worker_state: "worker",
  worker_drained: "worker drained",
  worker_set_aside: "worker set aside",
  worker_released: "worker released",
  vm_state: "VM",
  token_created: "token given",
  token_revoked: "token taken back",
  audit: "somebody did",
};

function about({ kind, job, worker, data }: EventView): Part {
  const where = worker === null
    ? NOTHING
    : markup` ${linkTo(kind === "vm_state" ? "/vms" : "/workers", worker)}`;
  if (job === null) return where;
  const { task, from, to } = data;
  const which = typeof task === "number"
    ? markup` task ${taskLink(job, task)}`
    : typeof from !== "number" || typeof to !== "number"
    ? NOTHING
    : to - from === 1
    ? markup` task ${taskLink(job, from)}`
    : markup` tasks ${taskLink(job, from)}–${taskLink(job, to - 1)}`;
  return markup`${linkTo("/jobs", job)}${which}${worker === null ? NOTHING : markup` on${where}`}`;
}

/** What else is to be said. */
function said({ kind, data }: EventView): Part {
  const text = (name: string) =>
    data[name] === null || data[name] === undefined ? "" : String(data[name]);
  if (typeof data.more === "number") return `and ${counted(data.more, "task")} more`;
  switch (kind) {
    case "cluster_started":
      return `start ${text("epoch")}`;
    case "job_submitted":
      return counted(Number(data.replicas ?? 0), "task");
    case "job_held":
      return data.held === true ? "held" : "released";
    case "task_ended": {
      const code = text("code") === "" ? "" : ` ${text("code")}`;
      const attempt = text("attempt") === "" ? "" : `, attempt ${text("attempt")}`;
      return markup`${badge(text("state"))} <span class="dim">${
        wordOf(text("cause"))
      }${code}${attempt}</span>`;
    }
    case "task_retried": {
      const cause = text("cause") === "" ? "" : `${wordOf(text("cause"))} ${text("code")}: `;
      const losses = Number(data.losses ?? 0);
      return `${cause}${counted(Number(data.failures ?? 0), "failure")}, ${losses} ${
        losses === 1 ? "loss" : "losses"
      } so far`;
    }
    case "token_created":
    case "token_revoked":
      return `${text("token")}: ${text("role")} ${text("user")}, by ${whoOf(data.by)}`;
    case "audit":
      return markup`${text("action")} ${text("about")} <span class="dim">by ${
        whoOf(data.by)
      }, answered with ${text("status")}</span>`;
    case "job_done":
      return badge(text("state"));
    case "worker_registered":
      return `${text("hostname")}, version ${text("version")}`;
    case "endpoint_registered":
    case "endpoint_gone":
      return `${text("name")} ${text("address")}`;
    default:
      return changed(data, text);
  }
}

/** Who did something, and from where. */
function whoOf(by: unknown): string {
  const { role, user, from } = (by ?? {}) as Record<string, unknown>;
  const name = user === null || user === undefined ? "" : ` ${String(user)}`;
  const where = from === undefined ? "" : ` from ${String(from)}`;
  return `${
    role === null || role === undefined ? "somebody unknown" : String(role)
  }${name}${where}`;
}

/** From what to what, and why. */
function changed(data: EventView["data"], text: (name: string) => string): Part {
  const to = text("to") || text("state");
  const why = [
    text("reason"),
    text("why"),
    data.recovered ? `well again: ${text("recovered")}` : "",
  ]
    .filter(Boolean).join("; ");
  return markup`${to === "" ? NOTHING : badge(to)} <span class="dim">${why}</span>`;
}
