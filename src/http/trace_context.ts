/**
 * The trace that a submit is part of, handed on to the job's tasks: a program that traces itself goes
 * on with it. Source: https://www.w3.org/TR/trace-context/ (the header), and the convention that
 * programs look for it in `TRACEPARENT`.
 */
import type { JobSpec } from "../wire/api.ts";

/** Of version 00: trace, parent, flags. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const VARIABLE = "TRACEPARENT";

/** The spec with the trace of the call in its environment, if there is one and the job names none. */
export function withTrace(spec: JobSpec, header: string | undefined): JobSpec {
  if (header === undefined || !TRACEPARENT.test(header)) return spec;
  if (Object.hasOwn(spec.env, VARIABLE)) return spec;
  return { ...spec, env: { ...spec.env, [VARIABLE]: header } };
}
