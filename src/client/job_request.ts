/** What a submit may say, by the names of the API. */
import type { Constraint, Dependency, JobSpec } from "../wire/api.ts";
import type { ModuleEntry } from "../wire/task_options.ts";

/** A constraint; `values` is empty and `required` is true when left out. */
export type ConstraintRequest =
  & Pick<Constraint, "key" | "op">
  & Partial<Pick<Constraint, "values" | "required">>;

/** A job to wait for; its success, when `on` is left out. */
export type DependencyRequest = Pick<Dependency, "job"> & Partial<Pick<Dependency, "on">>;

/** A function of a module; its arguments are null when left out. */
export type ModuleRequest =
  & Pick<ModuleEntry, "file" | "export">
  & Partial<Pick<ModuleEntry, "args" | "entryAsArgs">>;

/** What a job asks for: a command (`argv`), a `module` or a `container`; the rest has defaults. */
export interface JobRequest
  extends Partial<Omit<JobSpec, "constraints" | "after" | "module" | "name">> {
  /** `/user/job`, or a short name for one's own; made from what is run when left out. */
  readonly name?: string | null;
  readonly constraints?: readonly ConstraintRequest[];
  readonly after?: readonly DependencyRequest[];
  readonly module?: ModuleRequest | null;
}
