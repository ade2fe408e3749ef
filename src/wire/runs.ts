/** Tasks of a job are alike, so they travel as ranges: a run names many attempts at once. */

/**
 * Attempts `attempt` of the tasks `from` (included) to `to` (excluded) of a job generation. The uid
 * of one attempt is derived: `generation.index.attempt`.
 */
export type Run = readonly [generation: number, from: number, to: number, attempt: number];

/** The derived uid of one attempt, as it stands in `IRIS_UID` and in reports. */
export function attemptUid(generation: number, index: number, attempt: number): string {
  return `${generation}.${index}.${attempt}`;
}
