/**
 * Validation of what controllers and workers send each other. Written by hand: these bodies carry
 * thousands of tuples many times a second, and a tuple must cost no object.
 */
import * as v from "valibot";
import { IrisError } from "../base/errors.ts";
import type { LogsRequest, LogsResponse } from "./logs.ts";
import { FIRST_PROTOCOL } from "./protocol.ts";
import { MAX_RETURNED_CHARS } from "./returned.ts";
import { OPTION_ENTRIES } from "./task_options.ts";
import {
  type AttemptSpec,
  END_CAUSES,
  type Facts,
  type ReconcileRequest,
  type ReconcileResponse,
  type RegisterRequest,
  STOP_REASONS,
} from "./reconcile.ts";

/** The most runs in one list of a call. */
export const MAX_RUNS = 1_000_000;
/** The most specs in one call. */
export const MAX_SPECS_PER_CALL = 10_000;
/** The longest a call may be held, in ms. */
export const MAX_WAIT_MS = 60_000;
/** The longest id, URL or token, in characters. */
const MAX_ID_CHARS = 1_024;
/** The longest reason or detail, in characters. */
const MAX_TEXT_CHARS = 8_192;
/** The longest certificate, its chain with it, in characters. */
const MAX_CERTIFICATE_CHARS = 64 * 1_024;

const OPTIONS_SCHEMA = v.object(OPTION_ENTRIES);

const KNOWN_REASONS: ReadonlySet<unknown> = new Set(STOP_REASONS);
const KNOWN_CAUSES: ReadonlySet<unknown> = new Set(END_CAUSES);

/** @throws {IrisError} `invalid`, naming the field */
export function parseReconcileRequest(input: unknown): ReconcileRequest {
  const o = object(input, "body");
  id(o, "cluster");
  id(o, "worker");
  whole(o, "epoch");
  whole(o, "seq");
  number(o, "waitMs", MAX_WAIT_MS);
  whole(o, "ackFacts");
  list(o, "specs", MAX_SPECS_PER_CALL).forEach((spec, i) => checkSpec(spec, `specs.${i}`));
  runs(o, "run", 4);
  for (const tuple of runs(o, "stop", 5)) {
    if (!KNOWN_REASONS.has(tuple[4])) throw wrong("stop", "an attempt range and a stop reason");
  }
  // What a later version adds is not looked at.
  return input as ReconcileRequest;
}

/** @throws {IrisError} `invalid`, naming the field */
export function parseReconcileResponse(input: unknown): ReconcileResponse {
  const o = object(input, "body");
  id(o, "worker");
  whole(o, "epoch");
  whole(o, "seq");
  if (o.facts !== null) checkFacts(object(o.facts, "facts"));
  runs(o, "missing", 4);
  if (o.building !== undefined) runs(o, "building", 4);
  for (const generation of list(o, "specs", MAX_SPECS_PER_CALL)) {
    if (!isWhole(generation)) throw wrong("specs", "a list of generations");
  }
  whole(o, "backlog");
  whole(o, "running");
  if (typeof o.accepting !== "boolean") throw wrong("accepting", "true or false");
  if (o.reason !== null && !isText(o.reason, MAX_TEXT_CHARS)) {
    throw wrong("reason", "a text or null");
  }
  if (typeof (o.stopping ?? false) !== "boolean") throw wrong("stopping", "true or false");
  return input as ReconcileResponse;
}

/** @throws {IrisError} `invalid`, naming the field */
export function parseRegisterRequest(input: unknown): RegisterRequest {
  const o = object(input, "body");
  id(o, "worker");
  if (!/^[\w.-]{1,128}$/.test(o.worker as string)) {
    throw wrong("worker", "letters, digits, '.', '_' and '-'");
  }
  id(o, "url");
  if (!/^https?:\/\/[^/?#@]+$/.test(o.url as string) || !URL.canParse(o.url as string)) {
    throw wrong("url", "like http://host:port");
  }
  id(o, "token");
  whole(o, "cpuMilli");
  whole(o, "memoryBytes");
  id(o, "hostname");
  id(o, "version");
  whole(o, "pid");
  // A worker of an earlier version has none of these; what a later one adds is not looked at.
  const { protocol = FIRST_PROTOCOL, certificate = null } = o;
  if (!isWhole(protocol)) throw wrong("protocol", "a whole number, not negative");
  if (certificate !== null && !isText(certificate, MAX_CERTIFICATE_CHARS)) {
    throw wrong("certificate", "a certificate in PEM form, or null");
  }
  const resources = object(o.resources ?? {}, "resources");
  for (const name of Object.keys(resources)) whole(resources, name, "resources");
  const attributes = object(o.attributes ?? {}, "attributes");
  if (!Object.values(attributes).every((value) => isText(value, MAX_ID_CHARS))) {
    throw wrong("attributes", "an object of texts");
  }
  return { ...o, resources, attributes, protocol, certificate } as unknown as RegisterRequest;
}

/** @throws {IrisError} `invalid`, naming the field */
export function parseLogsRequest(input: unknown): LogsRequest {
  const o = object(input, "body");
  whole(o, "generation");
  if (o.task !== null) whole(o, "task");
  if (o.cursor !== null && typeof o.cursor !== "string") throw wrong("cursor", "a text or null");
  whole(o, "maxBytes");
  if (o.maxBytes === 0) throw wrong("maxBytes", "at least 1");
  number(o, "waitMs", MAX_WAIT_MS);
  if (![undefined, "stdout", "stderr"].includes(o.stream as string | undefined)) {
    throw wrong("stream", "stdout or stderr");
  }
  for (const key of ["sinceMs", "tail"]) if (o[key] !== undefined) whole(o, key);
  only(o, LOGS_KEYS);
  return input as LogsRequest;
}

/** @throws {IrisError} `invalid`, naming the field */
export function parseLogsResponse(input: unknown): LogsResponse {
  const o = object(input, "body");
  for (const chunk of list(o, "chunks", MAX_RUNS)) checkChunk(object(chunk, "chunks"));
  if (typeof o.cursor !== "string") throw wrong("cursor", "a text");
  if (typeof o.complete !== "boolean") throw wrong("complete", "true or false");
  return input as LogsResponse;
}

type Fields = Record<string, unknown>;

const LOGS_KEYS: ReadonlySet<string> = new Set([
  "generation",
  "task",
  "cursor",
  "maxBytes",
  "waitMs",
  "stream",
  "sinceMs",
  "tail",
]);

function checkSpec(input: unknown, field: string): asserts input is AttemptSpec {
  const o = object(input, field);
  whole(o, "generation", field);
  id(o, "job", field);
  for (const key of ["replicas", "cpuMilli", "memoryBytes", "graceMs"]) whole(o, key, field);
  if (o.timeoutMs !== null) whole(o, "timeoutMs", field);
  if (o.cwd !== null && typeof o.cwd !== "string") throw wrong(`${field}.cwd`, "a path or null");
  if ((o.token ?? null) !== null) id(o, "token", field);
  const { argv, entries = null } = o;
  if (entries !== null && !(Array.isArray(entries) && entries.every((e) => isText(e, Infinity)))) {
    throw wrong(`${field}.entries`, "a list of texts or null");
  }
  if (!Array.isArray(argv) || !argv.every((a) => typeof a === "string")) {
    throw wrong(`${field}.argv`, "a list of texts");
  }
  const options = v.safeParse(OPTIONS_SCHEMA, o, { abortEarly: true });
  if (!options.success) {
    const [issue] = options.issues;
    throw new IrisError("invalid", `${field}.${v.getDotPath(issue)} ${issue.message}`, { field });
  }
  const resources = object(o.resources ?? {}, `${field}.resources`);
  for (const name of Object.keys(resources)) whole(resources, name, `${field}.resources`);
  const env = object(o.env, `${field}.env`);
  if (!Object.values(env).every((value) => typeof value === "string")) {
    throw wrong(`${field}.env`, "an object of texts");
  }
}

function checkFacts(o: Fields): asserts o is Fields & Facts {
  whole(o, "upTo", "facts");
  for (const tuple of runs(o, "started", 5, "facts")) {
    if (!isTime(tuple[4])) throw wrong("facts.started", "an attempt range and a time");
  }
  for (const tuple of runs(o, "ended", 7, "facts")) {
    if (!isCause(tuple[4]) || !Number.isSafeInteger(tuple[5]) || !isTime(tuple[6])) {
      throw wrong("facts.ended", "an attempt range, a cause, a code and a time");
    }
  }
  const detail = object(o.detail, "facts.detail");
  for (const uid in detail) {
    if (!isText(detail[uid], MAX_TEXT_CHARS)) throw wrong("facts.detail", "an object of texts");
  }
  // Left out by a worker of an earlier version, and when there is nothing.
  const returned = object(o.returned ?? {}, "facts.returned");
  for (const uid in returned) {
    if (!isText(returned[uid], MAX_RETURNED_CHARS) || !isReturned(returned[uid])) {
      throw wrong("facts.returned", "an object of JSON objects as texts");
    }
  }
  const ports = object(o.ports ?? {}, "facts.ports");
  for (const names of Object.values(ports)) checkPorts(object(names, "facts.ports"));
}

function isReturned(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function checkPorts(ports: Fields): void {
  for (const port of Object.values(ports)) {
    if (!isWhole(port) || port < 1 || port > 65_535) throw wrong("facts.ports", "ports by name");
  }
}

function checkChunk(o: Fields): void {
  for (const key of ["task", "attempt", "offset"]) whole(o, key, "chunks");
  if (o.stream !== "stdout" && o.stream !== "stderr") {
    throw wrong("chunks.stream", '"stdout" or "stderr"');
  }
  if (typeof o.data !== "string") throw wrong("chunks.data", "base64");
}

/** Checks a list of tuples that begin with an attempt range: generation, from, to, attempt. */
function runs(o: Fields, key: string, length: number, under?: string): readonly unknown[][] {
  const found = list(o, key, MAX_RUNS, under);
  for (const tuple of found) {
    const ok = Array.isArray(tuple) && tuple.length === length && isWhole(tuple[0]) &&
      isWhole(tuple[1]) && isWhole(tuple[2]) && isWhole(tuple[3]) && tuple[1] < tuple[2];
    if (!ok) throw wrong(path(key, under), "a list of attempt ranges");
  }
  return found as unknown[][];
}

function list(o: Fields, key: string, limit: number, under?: string): readonly unknown[] {
  const value = o[key];
  if (!Array.isArray(value)) throw wrong(path(key, under), "a list");
  if (value.length > limit) throw wrong(path(key, under), `a list of at most ${limit}`);
  return value;
}

function object(value: unknown, field: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(field, "an object");
  }
  return value as Fields;
}

function whole(o: Fields, key: string, under?: string): void {
  if (!isWhole(o[key])) throw wrong(path(key, under), "a whole number, not negative");
}

function number(o: Fields, key: string, max: number): void {
  const value = o[key];
  if (typeof value !== "number" || !(value >= 0 && value <= max)) {
    throw wrong(key, `a number from 0 to ${max}`);
  }
}

function id(o: Fields, key: string, under?: string): void {
  if (!isText(o[key], MAX_ID_CHARS) || o[key] === "") {
    throw wrong(path(key, under), "a text that is not empty");
  }
}

function only(o: Fields, keys: ReadonlySet<string>): void {
  for (const key in o) {
    if (!keys.has(key)) {
      throw new IrisError("invalid", `There is no field ${key.slice(0, 80)}`, { field: key });
    }
  }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** One that we do not know comes from a newer worker, and counts as a failure of the task. */
function isCause(value: unknown): boolean {
  return KNOWN_CAUSES.has(value) || (typeof value === "string" && /^[a-z_]{1,32}$/.test(value));
}

function isTime(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isText(value: unknown, maxChars: number): value is string {
  return typeof value === "string" && value.length <= maxChars;
}

function path(key: string, under: string | undefined): string {
  return under === undefined ? key : `${under}.${key}`;
}

function wrong(field: string, what: string): IrisError {
  return new IrisError("invalid", `${field} must be ${what}`, { field });
}
