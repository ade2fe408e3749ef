/**
 * Which groups a job may be asked of: by its constraints, once for all jobs that have the same, since
 * ten thousand jobs seldom have ten thousand wishes. Pure.
 */
import { type Constraint, describeConstraint } from "../model/constraints.ts";
import type { Needs } from "../scheduler/bins.ts";
import type { PendingGroup } from "../scheduler/pass.ts";
import type { GroupPlan } from "./group_plan.ts";

/** The most groups that a reason names. */
const MAX_NAMED = 3;

/** Where jobs with the same constraints may go. */
export interface Route {
  /** Best first: what they prefer, then by priority, then as configured. */
  readonly able: readonly GroupPlan[];
  /** What the VMs of the others do not satisfy. */
  readonly misfits: ReadonlyMap<GroupPlan, Constraint>;
}

/** See the head of this file. */
export class Routes {
  readonly #plans: readonly GroupPlan[];
  readonly #byText = new Map<string, Route>();

  /** @param plans of all groups, in the order of the configuration */
  constructor(plans: readonly GroupPlan[]) {
    this.#plans = plans;
  }

  /** Where jobs with such constraints may go. */
  of({ constraints }: Pick<PendingGroup, "constraints">): Route {
    const text = constraints.length === 0 ? "" : JSON.stringify(constraints);
    let route = this.#byText.get(text);
    if (route === undefined) this.#byText.set(text, route = this.#find(constraints));
    return route;
  }

  /**
   * Why no group takes a task, in one line.
   *
   * @param blocked why a group that could hold it is not asked for more
   */
  whyNone(
    job: PendingGroup,
    { needs, blocked }: { needs: Needs; blocked: (plan: GroupPlan) => string },
  ): string {
    const plans = this.#plans;
    if (plans.length === 0) return "there are no groups";
    const { able, misfits } = this.of(job);
    const fitting = able.filter((plan) => plan.holds(needs));
    const named = fitting.length > 0
      ? fitting.slice(0, MAX_NAMED).map((plan) => `${plan.group.name}: ${blocked(plan)}`)
      : plans.slice(0, MAX_NAMED).map((plan) =>
        `${plan.group.name}: ${whyNot(plan, { job, misfit: misfits.get(plan) })}`
      );
    const more = (fitting.length > 0 ? fitting.length : plans.length) - MAX_NAMED;
    return named.join("; ") +
      (more > 0 ? `; and ${more} more ${more === 1 ? "group" : "groups"}` : "");
  }

  #find(constraints: readonly Constraint[]): Route {
    const misfits = new Map<GroupPlan, Constraint>();
    const able: { plan: GroupPlan; likes: number }[] = [];
    for (const plan of this.#plans) {
      const misfit = plan.misfit(constraints);
      if (misfit !== null) misfits.set(plan, misfit);
      else able.push({ plan, likes: plan.preference(constraints) });
    }
    able.sort((a, b) => b.likes - a.likes || b.plan.group.priority - a.plan.group.priority);
    return { able: able.map(({ plan }) => plan), misfits };
  }
}

/** What the VMs of a group lack for a task. */
function whyNot(
  { group }: GroupPlan,
  { job, misfit }: { job: PendingGroup; misfit: Constraint | undefined },
): string {
  if (misfit !== undefined) return `not ${describeConstraint(misfit)}`;
  const { cpuMilli, memoryBytes, resources } = group;
  if (job.cpuMilli > cpuMilli) {
    return `${cpuMilli / 1_000} cores of the ${job.cpuMilli / 1_000} needed`;
  }
  if (job.memoryBytes > memoryBytes) {
    return `${memoryBytes} bytes of memory of the ${job.memoryBytes} needed`;
  }
  const lacking = Object.entries(job.resources).find(([name, each]) =>
    each > (resources[name] ?? 0)
  );
  return `too little ${lacking?.[0] ?? "room"}`;
}
