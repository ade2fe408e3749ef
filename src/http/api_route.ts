/** What a row of `/openapi.json` is made of. */
import type * as v from "valibot";

/** One route, as it is described. */
export interface ApiRoute {
  readonly method: "get" | "post" | "put";
  /** As Hono has it: `/api/v1/jobs/:name`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: v.GenericSchema;
  readonly status: number;
  /** What a good answer holds; null for what is no JSON or no fixed shape. */
  readonly answer: v.GenericSchema | null;
}
