/** Reading request bodies: JSON, of a limited size. */
import type { Context } from "hono";
import { IrisError, messageOf } from "../base/errors.ts";

/** The largest body a submit may have, in bytes. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;
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
  const text = await limitedText(c.req.raw, limitBytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = `The body is not JSON: ${messageOf(error)}`;
    throw new IrisError("invalid", message, { field: "body", cause: error });
  }
}

/** The text of a body. @throws {IrisError} `too_large` */
export async function limitedText(request: Request, limitBytes: number): Promise<string> {
  const tooLarge = () =>
    new IrisError("too_large", `The body is larger than ${limitBytes} bytes`, { field: "body" });
  if (Number(request.headers.get("content-length") ?? 0) > limitBytes) {
    await request.body?.cancel();
    throw tooLarge();
  }
  if (request.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > limitBytes) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
