/**
 * Endpoints: where tasks can be reached, under names that others look up. What the API takes and
 * gives of them, checked.
 */
import * as v from "valibot";
import { must, text, whole } from "./fields.ts";

/** `GET /api/v1/jobs/:name/endpoints`: one place where an attempt that lives can be reached. */
export interface EndpointView {
  readonly name: string;
  /** The task's index. */
  readonly task: number;
  readonly attempt: number;
  /** `host:port`. */
  readonly address: string;
  /** What the task says beside it. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** `POST /api/v1/endpoints`: a task says where it can be reached. */
export interface EndpointRequest {
  /** The job's full name. */
  readonly job: string;
  readonly task: number;
  readonly attempt: number;
  readonly name: string;
  /** Null for the address by which its worker is reached. */
  readonly host: string | null;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The most endpoints of a task, those of its ports among them. */
export const MAX_ENDPOINTS_PER_TASK = 32;
/** The longest metadata of an endpoint, as JSON, in characters. */
const MAX_METADATA_CHARS = 4_096;
/** The most tasks a job may have, and attempts of a task. */
const MAX_NUMBER = Number.MAX_SAFE_INTEGER;

/** The name of an endpoint. */
export const ENDPOINT_NAME = /^[A-Za-z][\w.-]{0,63}$/;
/** A host: a name, an IPv4 address, or an IPv6 address in brackets. */
const HOST = /^(?:[A-Za-z0-9](?:[\w.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])$/;

const host = v.pipe(text("a host"), v.regex(HOST, must("a host name or address")));

const metadata = v.pipe(
  v.record(v.string(), v.string(must("a text")), must("an object of texts")),
  v.check(
    (given) => JSON.stringify(given).length <= MAX_METADATA_CHARS,
    `must have at most ${MAX_METADATA_CHARS} characters as JSON`,
  ),
);

/** See {@linkcode EndpointRequest}. */
export const ENDPOINT_REQUEST_SCHEMA = v.strictObject({
  job: text("the full name of a job"),
  task: whole(0, MAX_NUMBER),
  attempt: whole(0, MAX_NUMBER),
  name: v.pipe(
    text("a name"),
    v.regex(ENDPOINT_NAME, must("1 to 64 letters, digits, '_', '.' and '-', a letter first")),
  ),
  host: v.optional(v.nullable(host), null),
  port: whole(1, 65_535),
  metadata: v.optional(metadata, {}),
}, must("an object"));

/** See {@linkcode EndpointView}. */
export const ENDPOINT_SCHEMA = v.strictObject({
  name: v.string(),
  task: v.number(),
  attempt: v.number(),
  address: v.string(),
  metadata: v.record(v.string(), v.string()),
});
