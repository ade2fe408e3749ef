/** Query parameters, checked. */
import type { Context } from "hono";
import { IrisError } from "../base/errors.ts";

/**
 * A whole number from the query string.
 *
 * @throws {IrisError} `invalid`, naming the parameter, when it is no whole number in the range
 */
export function intQuery(
  c: Context,
  name: string,
  options: { fallback: number; min: number; max: number },
): number {
  const given = c.req.query(name);
  if (given === undefined) return options.fallback;
  const value = /^-?\d{1,16}$/.test(given) ? Number(given) : NaN;
  if (!(value >= options.min && value <= options.max)) {
    throw new IrisError(
      "invalid",
      `${name} must be a whole number from ${options.min} to ${options.max}: it is "${given}"`,
      { field: name },
    );
  }
  return value;
}
