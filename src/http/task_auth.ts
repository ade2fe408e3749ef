/**
 * What a task may do by the token of its job: read that job and the jobs below it, see where tasks of
 * its user's jobs can be reached, say where it can be reached itself, and submit jobs below its own.
 * Nothing else, and nothing once the job is done. Runs in the controller's server.
 */
import type { Context, MiddlewareHandler } from "hono";
import { IrisError } from "../base/errors.ts";
import { claimedGeneration, taskToken } from "../wire/task_token.ts";
import type { ControllerApi } from "../controller/controller_api.ts";
import { bearerOf, requireRole, sameSecret, type Sessions, type Tokens } from "./auth.ts";

/** The job that a task's call speaks for. */
export interface TaskCaller {
  readonly job: string;
  readonly generation: number;
}

const callers = new WeakMap<Request, TaskCaller>();

/** Lets tasks do what tasks may, and admins everything. */
export function taskOrAdmin(
  api: ControllerApi,
  known: { tokens: Tokens; sessions: Sessions },
): MiddlewareHandler {
  const admin = requireRole(["admin"], known);
  return async (c, next) => {
    const bearer = bearerOf(c.req.header("Authorization")) ?? "";
    const generation = claimedGeneration(bearer);
    if (generation === null) return await admin(c, next);
    const caller = callerOf(api, { bearer, generation, secret: known.tokens.task });
    if (!mayCall(c, caller)) {
      throw new IrisError("forbidden", "A task may not do this by the token of its job");
    }
    callers.set(c.req.raw, caller);
    await next();
  };
}

/** The job that a call speaks for; null for a call that is no task's. */
export function taskCaller(c: Context): TaskCaller | null {
  return callers.get(c.req.raw) ?? null;
}

/** Whose job a task's call is for; null for a call that is no task's. */
export function taskUser(c: Context): string | null {
  const caller = taskCaller(c);
  return caller === null ? null : userOf(caller.job);
}

/** A task submits below its own job only. @throws {IrisError} `forbidden` */
export function checkSubmit(c: Context, name: string): void {
  const caller = taskCaller(c);
  if (caller === null || name.startsWith(`${caller.job}/`)) return;
  throw new IrisError("forbidden", `A task of ${caller.job} may only submit jobs below it`, {
    field: "name",
  });
}

function callerOf(
  api: ControllerApi,
  of: { bearer: string; generation: number; secret: string | undefined },
): TaskCaller {
  const job = api.jobOf(of.generation);
  // A job that is not there is compared all the same: how long it takes tells nobody which there are.
  const expected = taskToken(of.secret ?? "", {
    generation: of.generation,
    job: job?.name ?? "",
  });
  const valid = sameSecret(of.bearer, expected) && job !== null && (of.secret ?? "") !== "";
  if (!valid || job.done) {
    throw new IrisError("unauthorized", "This token of a task is not valid, or its job is over");
  }
  return { job: job.name, generation: of.generation };
}

function mayCall(c: Context, caller: TaskCaller): boolean {
  const { method } = c.req;
  const [root, named, what, ...rest] = new URL(c.req.url).pathname.split("/").slice(3)
    .map(decoded);
  if (rest.length > 0) return false;
  if (method === "POST") {
    return named === undefined && (root === "jobs" || root === "endpoints");
  }
  if (method !== "GET" || root === undefined) return false;
  if (root === "version" && named === undefined) return true;
  if (root !== "jobs" || named === undefined) return false;
  if (what === "endpoints") return userOf(named) === userOf(caller.job);
  const isOwn = named === caller.job || named.startsWith(`${caller.job}/`);
  return isOwn && (what === undefined || what === "tasks" || what === "wait" || what === "results");
}

/** A part of a path as it was meant; what cannot be read means nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

function userOf(job: string): string {
  return job.split("/")[1] ?? "";
}
