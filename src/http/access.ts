/**
 * Who may call what: one row for each route, and nothing else decides about it. `gate.ts` enforces it,
 * and a test holds every route of the API against it, for every role. Pure.
 *
 * A role that a row does not name is refused. What a row says of a role is which jobs it may be about:
 *
 * - `any`: any, or the call is about no job;
 * - `own`: jobs of the caller's user. Where the job stands in the path the gate looks; where it stands
 *   in the body, or many are listed, the route asks `checkJob` and `onlyUser` of the gate;
 * - `self`, `below`, `family` (tasks): the task's job, those below it, or both;
 * - `peers` (tasks): all jobs of its user.
 */
import type { Role } from "../wire/token_roles.ts";

/** Which jobs a call may be about. */
export type Scope = "any" | "own" | "self" | "below" | "family" | "peers";

/** Who may call a route: anybody, or these roles. */
export type Access = "open" | Readonly<Partial<Record<Role, Scope>>>;

const ADMIN = { admin: "any" } as const;
const READ = { admin: "any", viewer: "any", user: "any" } as const;
const OWN_READ = { admin: "any", viewer: "any", user: "own" } as const;
const OWN_CHANGE = { admin: "any", user: "own" } as const;
const OVERSIGHT = { admin: "any", viewer: "any" } as const;
const SELF = { admin: "any", viewer: "any", user: "any", task: "any" } as const;
const WORKER = { admin: "any", worker: "any" } as const;

const JOB = "/api/v1/jobs/:name";
const TASK = `${JOB}/tasks/:index`;
const WORKERS = "/api/v1/workers";

/** Every route by its method and its path, as Hono has them. */
export const ACCESS: Readonly<Record<string, Access>> = {
  "GET /healthz": "open",
  "GET /readyz": "open",
  "GET /openapi.json": "open",
  "GET /login": "open",
  "POST /login": "open",
  "GET /login/:code": "open",
  "POST /logout": "open",

  "GET /api/v1/version": SELF,
  "GET /api/v1/whoami": SELF,

  "POST /api/v1/jobs": { ...OWN_CHANGE, task: "below" },
  "GET /api/v1/jobs": OWN_READ,
  [`GET ${JOB}`]: { ...OWN_READ, task: "family" },
  [`GET ${JOB}/tasks`]: { ...OWN_READ, task: "family" },
  [`GET ${TASK}`]: { ...OWN_READ, task: "family" },
  [`GET ${JOB}/wait`]: { ...OWN_READ, task: "family" },
  [`GET ${JOB}/results`]: { ...OWN_READ, task: "family" },
  [`GET ${JOB}/logs`]: OWN_READ,
  [`POST ${JOB}/logs`]: OWN_READ,
  [`GET ${JOB}/explain`]: OWN_READ,
  [`GET ${JOB}/outputs`]: OWN_READ,
  [`GET ${JOB}/outputs/:task`]: OWN_READ,
  [`GET ${TASK}/usage`]: OWN_READ,
  [`GET ${JOB}/endpoints`]: { ...OWN_READ, task: "peers" },
  "POST /api/v1/endpoints": { ...OWN_CHANGE, task: "self" },
  [`GET ${TASK}/exec`]: OWN_CHANGE,
  [`POST ${TASK}/signal`]: OWN_CHANGE,
  [`POST ${JOB}/signal`]: OWN_CHANGE,
  [`POST ${JOB}/stop`]: { ...OWN_CHANGE, task: "below" },
  [`POST ${JOB}/hold`]: OWN_CHANGE,
  [`POST ${JOB}/release`]: OWN_CHANGE,
  [`POST ${JOB}/retry`]: OWN_CHANGE,
  "POST /api/v1/purge": OWN_CHANGE,
  "GET /api/v1/events": OWN_READ,

  // Whoever knows the hash of a bundle knows what is in it, or was told.
  "POST /api/v1/bundles": { admin: "any", user: "any" },
  "PUT /api/v1/bundles/:hash": { admin: "any", user: "any" },
  "GET /api/v1/bundles/:hash": WORKER,

  [`GET ${WORKERS}`]: READ,
  [`GET ${WORKERS}/:name`]: READ,
  [`GET ${WORKERS}/:name/usage`]: READ,
  [`POST ${WORKERS}/:name/drain`]: ADMIN,
  [`POST ${WORKERS}/:name/release`]: ADMIN,
  [`POST ${WORKERS}`]: WORKER,
  [`POST ${WORKERS}/forgotten`]: WORKER,

  "GET /api/v1/vms": READ,
  "GET /api/v1/vms/:vm": READ,
  // What a VM said while it came up may be more than users are to know.
  "GET /api/v1/vms/:vm/logs": OVERSIGHT,
  "POST /api/v1/vms/:vm/stop": ADMIN,
  "POST /api/v1/vms/:vm/reload": ADMIN,
  "GET /api/v1/groups": READ,
  "GET /api/v1/groups/:group": READ,
  "GET /api/v1/groups/:group/explain": READ,
  // VM managers hand the worker token on to what they start, so it has to do for them as well.
  "POST /api/v1/vm-managers/:name/link": { ...WORKER, "vm-manager": "any" },

  "GET /metrics": OVERSIGHT,
  "GET /api/v1/tree": OVERSIGHT,
  "GET /api/v1/tokens": ADMIN,
  "POST /api/v1/tokens": ADMIN,
  "POST /api/v1/tokens/rotate": ADMIN,
  "POST /api/v1/tokens/:id/revoke": ADMIN,
  // A link is for whoever asks for it: it opens what the token opens.
  "POST /api/v1/login-links": READ,
  "POST /api/v1/cluster/stop": ADMIN,
  // It has the tokens of all workers in it.
  "GET /api/v1/cluster/backup": ADMIN,

  "GET /assets/style.css": "open",
  "GET /dashboard/assets/:build/:name": "open",
  "GET /": OWN_READ,
  "GET /jobs": OWN_READ,
  "GET /jobs/:name": OWN_READ,
  "GET /jobs/:name/tasks/:index": OWN_READ,
  "GET /events": OWN_READ,
  "GET /workers": READ,
  "GET /workers/:name": READ,
  "GET /vms": READ,
  "GET /vms/:name": READ,
  "GET /tree": OVERSIGHT,
  // It looks at the row of the page that is followed.
  "GET /dashboard/live": OWN_READ,
  "POST /dashboard/theme": READ,
  "POST /jobs/:name/stop": OWN_CHANGE,
  "POST /jobs/:name/hold": OWN_CHANGE,
  "POST /jobs/:name/release": OWN_CHANGE,
  "POST /jobs/:name/retry": OWN_CHANGE,
  "POST /workers/:name/drain": ADMIN,
  "POST /workers/:name/release": ADMIN,
  "POST /vms/:vm/stop": ADMIN,
  "POST /vms/:vm/reload": ADMIN,
  "POST /cluster/stop": ADMIN,
};

/** What a route without a row is: for admins alone. */
export const UNLISTED: Access = ADMIN;

/** Whose a job is: the first part of its name; null for what is no name of a job. */
export function ownerOf(job: string): string | null {
  return /^\/([^/]+)\/./.exec(job)?.[1] ?? null;
}

/** Who calls, as far as it matters here. */
export interface Caller {
  readonly role: Role;
  readonly user: string | null;
  /** The job of a task. */
  readonly job: string | null;
}

/** Whether a call may be about a job. */
export function mayTouch(caller: Caller, scope: Scope, job: string): boolean {
  switch (scope) {
    case "any":
      return true;
    case "own":
    case "peers":
      return caller.user !== null && ownerOf(job) === caller.user;
    case "self":
      return job === caller.job;
    case "below":
      return caller.job !== null && job.startsWith(`${caller.job}/`);
    case "family":
      return mayTouch(caller, "self", job) || mayTouch(caller, "below", job);
  }
}
