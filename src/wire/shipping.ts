/**
 * What travels in archives: bundles from a submit to the workers, kept outputs from the workers to
 * who asks for them.
 */
import * as v from "valibot";
import { IrisError } from "../base/errors.ts";
import { must, text, whole } from "./fields.ts";

/** The most files, folders and links in one bundle, or in what is kept of one attempt. */
export const MAX_ARCHIVE_ENTRIES = 100_000;
/** What an archive is called on the wire. */
export const ARCHIVE_TYPE = "application/x-tar";
/** The content hash of a bundle: SHA-256 of its archive, in hex. */
export const BUNDLE_HASH = /^[0-9a-f]{64}$/;

/** A bundle that somebody means to send. */
export interface BundleOffer {
  readonly hash: string;
  /** The size of its archive. */
  readonly bytes: number;
}

/** What the controller says about it. */
export interface BundleAnswer extends BundleOffer {
  /** True when the controller has it: there is no need to send it. */
  readonly here: boolean;
}

const hash = v.pipe(text("a hash"), v.regex(BUNDLE_HASH, must("64 hex digits")));
const count = whole(0, Number.MAX_SAFE_INTEGER);

/** See {@linkcode BundleOffer}. */
export const BUNDLE_OFFER_SCHEMA = v.strictObject({ hash, bytes: count });
/** See {@linkcode BundleAnswer}. */
export const BUNDLE_ANSWER_SCHEMA = v.strictObject({ hash, bytes: count, here: v.boolean() });

/** What a worker keeps of what one attempt wrote into its output folder. */
export interface KeptOutput {
  readonly index: number;
  readonly attempt: number;
  /** Files, folders and links that are kept. */
  readonly files: number;
  /** The content of them. */
  readonly bytes: number;
  /** What of it was not kept, and why; null when all was. */
  readonly note: string | null;
  /** True when it was kept once, and had to make room since. */
  readonly gone: boolean;
}

/** Which job's outputs a worker shall name. */
export interface OutputsRequest {
  readonly generation: number;
}

/** Of which attempt a worker shall send them. */
export interface OutputRequest extends OutputsRequest {
  readonly index: number;
  readonly attempt: number;
}

const generation = count;
/** See {@linkcode OutputsRequest}. */
export const OUTPUTS_REQUEST_SCHEMA = v.strictObject({ generation });
/** See {@linkcode OutputRequest}. */
export const OUTPUT_REQUEST_SCHEMA = v.strictObject({ generation, index: count, attempt: count });

const kept = {
  attempt: count,
  files: count,
  bytes: count,
  note: v.nullable(v.string()),
};

/** What a worker answers. */
export const OUTPUTS_RESPONSE_SCHEMA = v.strictObject({
  outputs: v.array(v.strictObject({ index: count, gone: v.boolean(), ...kept })),
});

/** What is kept of a task, and where. */
export interface OutputView {
  readonly task: number;
  readonly attempt: number;
  readonly worker: string;
  readonly files: number;
  readonly bytes: number;
  /** What of it was not kept, and why; null when all was. */
  readonly note: string | null;
}

/** Why nothing of a task can be had. */
export interface OutputGap {
  readonly task: number;
  readonly why: string;
}

/** What can be had of a job. */
export interface JobOutputs {
  readonly outputs: readonly OutputView[];
  /** Tasks of which something may be missing; the first thousand. */
  readonly gaps: readonly OutputGap[];
  /** How many there are in all. */
  readonly gapCount: number;
}

/** See {@linkcode JobOutputs}. */
export const JOB_OUTPUTS_SCHEMA = v.strictObject({
  outputs: v.array(v.strictObject({ task: count, worker: v.string(), ...kept })),
  gaps: v.array(v.strictObject({ task: count, why: v.string() })),
  gapCount: count,
});

/** What a schema makes of a value. @throws {IrisError} `invalid`, naming the field */
export function checkedBody<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const field = v.getDotPath(parsed.issues[0]) ?? "body";
  throw new IrisError("invalid", `${field} ${parsed.issues[0].message}`, { field });
}
