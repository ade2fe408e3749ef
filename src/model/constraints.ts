/** Constraints on workers' attributes: whether one holds, and whether several ever can. Pure. */
/** How a constraint compares a worker's attribute. */
export const CONSTRAINT_OPS = [
  "eq",
  "ne",
  "in",
  "not_in",
  "exists",
  "absent",
  "lt",
  "le",
  "gt",
  "ge",
] as const;

/** Where tasks of a job may or would rather run. */
export interface Constraint {
  /** The name of a worker's attribute. */
  readonly key: string;
  readonly op: (typeof CONSTRAINT_OPS)[number];
  /** One, several for `in` and `not_in`, none for `exists` and `absent`. */
  readonly values: readonly string[];
  /** Whether workers that do not match are ruled out; otherwise they come last. */
  readonly required: boolean;
}

/** Whether a worker whose attribute has this value (undefined: has none) satisfies a constraint. */
export function holds({ op, values }: Constraint, value: string | undefined): boolean {
  switch (op) {
    case "exists":
      return value !== undefined;
    case "absent":
      return value === undefined;
    case "eq":
    case "in":
      return value !== undefined && values.includes(value);
    case "ne":
    case "not_in":
      return value === undefined || !values.includes(value);
    default:
      return value !== undefined && value !== "" && compares(op, Number(value), Number(values[0]));
  }
}

function compares(op: "lt" | "le" | "gt" | "ge", a: number, b: number): boolean {
  if (op === "lt") return a < b;
  if (op === "le") return a <= b;
  return op === "gt" ? a > b : a >= b;
}

/** How a constraint reads: `zone in [a, b]`. */
export function describeConstraint({ key, op, values }: Constraint): string {
  if (op === "exists") return key;
  if (op === "absent") return `no ${key}`;
  if (op === "in" || op === "not_in") {
    return `${key} ${op.replace("_", " ")} [${values.join(", ")}]`;
  }
  const signs = { eq: "=", ne: "!=", lt: "<", le: "<=", gt: ">", ge: ">=" } as const;
  return op === "eq" ? `${key}=${values[0]}` : `${key} ${signs[op]} ${values[0]}`;
}

/**
 * Whether required constraints on one key exclude each other whatever the worker.
 *
 * @returns the position of the one that cannot hold beside an earlier one, and why; or null
 */
export function conflictOf(constraints: readonly Constraint[]): readonly [number, string] | null {
  const byKey = new Map<string, Constraint[]>();
  for (const [i, constraint] of constraints.entries()) {
    if (!constraint.required) continue;
    const { key } = constraint;
    const earlier = byKey.get(key) ?? [];
    const all = [...earlier, constraint];
    if (!canHold(all)) {
      return [i, `${describeConstraint(constraint)} beside ${describeAll(earlier)}`];
    }
    byKey.set(key, all);
  }
  return null;
}

function describeAll(constraints: readonly Constraint[]): string {
  return constraints.map(describeConstraint).join(" and ");
}

/** Whether some value of the one attribute, or its absence, satisfies all. */
function canHold(all: readonly Constraint[]): boolean {
  const every = (value: string | undefined) => all.every((one) => holds(one, value));
  if (every(undefined)) return true;
  const listed = all.filter(({ op }) => op === "eq" || op === "in").flatMap(({ values }) => values);
  if (listed.length > 0) return listed.some(every);
  if (all.some(({ op }) => op === "absent")) return false;
  return boundsMeet(all);
}

/** Without a list of values there is one beside any that are ruled out, if the bounds leave room. */
function boundsMeet(all: readonly Constraint[]): boolean {
  let [low, high, open] = [-Infinity, Infinity, false];
  for (const { op, values } of all) {
    const bound = Number(values[0]);
    if ((op === "gt" || op === "ge") && bound >= low) {
      open = op === "gt" || (open && bound === low);
      low = bound;
    }
  }
  let highOpen = false;
  for (const { op, values } of all) {
    const bound = Number(values[0]);
    if ((op === "lt" || op === "le") && bound <= high) {
      highOpen = op === "lt" || (highOpen && bound === high);
      high = bound;
    }
  }
  if (low !== high) return low < high;
  const only = String(low);
  return !open && !highOpen && all.every((one) => holds(one, only));
}
