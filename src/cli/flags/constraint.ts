/** Constraints as people type them: `zone=a`, `mem-gb >= 64`, `zone in a,b`, `ssd`, `!spot`. Pure. */
import { IrisError } from "../../base/errors.ts";
import type { Constraint } from "../../wire/api.ts";
import type { Parse } from "./quantities.ts";

const SIGNS = {
  "=": "eq",
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
} as const;

const KEY = "[A-Za-z0-9_][A-Za-z0-9._/-]*";
const COMPARED = new RegExp(`^(${KEY})\\s*(==|!=|<=|>=|=|<|>)\\s*(\\S.*)$`);
const LISTED = new RegExp(`^(${KEY})\\s+(not\\s+in|in)\\s+\\[?([^\\[\\]]+)\\]?$`);
const BARE = new RegExp(`^(!?)\\s*(${KEY})$`);

/** What a constraint says, without whether it must hold. */
export type ConstraintText = Omit<Constraint, "required">;

/** See the head of this file. */
export const parseConstraint: Parse<ConstraintText> = (text, flag) => {
  const trimmed = text.trim();
  const listed = LISTED.exec(trimmed);
  if (listed !== null) {
    const values = listed[3]!.split(",").map((value) => value.trim());
    return { key: listed[1]!, op: listed[2] === "in" ? "in" : "not_in", values };
  }
  const compared = COMPARED.exec(trimmed);
  if (compared !== null) {
    const op = SIGNS[compared[2] as keyof typeof SIGNS];
    return { key: compared[1]!, op, values: [compared[3]!.trim()] };
  }
  const bare = BARE.exec(trimmed);
  if (bare !== null) {
    return { key: bare[2]!, op: bare[1] === "!" ? "absent" : "exists", values: [] };
  }
  throw new IrisError(
    "usage",
    `Invalid ${flag}: "${text}" is not a constraint (examples: zone=a, 'cores >= 8', ` +
      "'zone in a,b', ssd, '!spot')",
    { field: flag },
  );
};
