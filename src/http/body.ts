/** Reading request bodies: JSON, of a limited size. */
import type { Context } from "hono";
import { type BodyEnd, readBody } from "../archive/read_body.ts";
import { readingOf } from "./remote.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";

/** The largest body a submit may have, in bytes. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** A body is there after so long, in ms, or is not waited for any more. */
const BODY_MS = 120_000;
const LATE = `The body was not there within ${BODY_MS / 1_000} s`;
/** What JSON may be called: also plain text, which `fetch` says of a body of which nobody said more. */
const JSON_TYPE = /^(?:application\/(?:[\w.-]+\+)?json|text\/plain)\s*(?:;|$)/i;

/**
 * The JSON of a request's body.
 *
 * @throws {IrisError} `too_large` past the limit, `invalid` when it is not JSON or says so itself
 */
export async function jsonBody(c: Context, limitBytes = MAX_BODY_BYTES): Promise<unknown> {
  const type = c.req.header("Content-Type");
  if (type !== undefined && !JSON_TYPE.test(type)) {
    await c.req.raw.body?.cancel();
    const message = `Content-Type must be application/json: it is ${JSON.stringify(type)}`;
    throw new IrisError("invalid", message, { field: "Content-Type" });
  }
  const text = await limitedText(c.req.raw, limitBytes, readingOf(c));
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = `The body is not JSON: ${messageOf(error)}`;
    throw new IrisError("invalid", message, { field: "body", cause: error });
  }
}

/** What ends the reading of a body before its time. */
export interface BodyOptions {
  readonly clock?: Clock;
  /** Aborts when the server stops. */
  readonly closing?: AbortSignal;
  /** Told when the body was not read to its end. */
  readonly leftUnread?: () => void;
}

/** The text of a body. @throws {IrisError} `too_large`, `timeout`, `unavailable` when nothing comes */
export async function limitedText(
  request: Request,
  limitBytes: number,
  { clock = systemClock, closing, leftUnread }: BodyOptions = {},
): Promise<string> {
  const tooLarge = () =>
    new IrisError("too_large", `The body is larger than ${limitBytes} bytes`, { field: "body" });
  if (Number(request.headers.get("content-length") ?? 0) > limitBytes) {
    await request.body?.cancel();
    leftUnread?.();
    throw tooLarge();
  }
  if (request.body === null) return "";
  const late = new AbortController();
  const timer = clock.setTimer(BODY_MS, () => late.abort());
  const ends: BodyEnd[] = [[late.signal, () => new IrisError("timeout", LATE, { field: "body" })]];
  if (closing !== undefined) {
    ends.push([closing, () => new IrisError("closing", "The server is stopping")]);
  }
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  try {
    for await (const chunk of readBody(request.body, { clock, ends })) {
      size += chunk.byteLength;
      if (size > limitBytes) throw tooLarge();
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    leftUnread?.();
    throw error;
  } finally {
    timer.cancel();
  }
  return text + decoder.decode();
}
