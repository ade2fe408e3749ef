/** Numbers in the query of a page. */
import { IrisError } from "../../base/errors.ts";

/**
 * A whole number from 0, which is also what it is when it is not given.
 *
 * @throws {IrisError} `invalid`, naming it
 */
export function numberIn(query: URLSearchParams, name: string, max: number): number {
  const given = query.get(name) ?? "0";
  const value = /^\d{1,12}$/.test(given) ? Number(given) : NaN;
  if (value <= max) return value;
  const message = `${name} must be a whole number from 0 to ${max}: it is "${given}"`;
  throw new IrisError("invalid", message, { field: name });
}
