/** The HTTP call of a VM manager's link. Used in the link's isolate. */
import { IrisError } from "../base/errors.ts";
import { fetchProblem } from "../base/fetch_problem.ts";
import { isErrorCode } from "../wire/error_table.ts";
import type { LinkAnswer, LinkRequest } from "./vm_link.ts";

/** The longest answer that is looked at, in characters. */
const MAX_ANSWER_CHARS = 16 * 1024 * 1024;
/** So much of what somebody else said stands in a message, in characters. */
const MAX_QUOTE_CHARS = 200;

/** What a call is made with. */
export interface LinkCallOptions {
  /** The VM manager's name. */
  readonly name: string;
  /** The worker token; null when the file cannot be read now. */
  readonly token: () => string | null;
  readonly fetch: (
    url: URL,
    init: RequestInit,
  ) => Promise<Pick<Response, "ok" | "status" | "text">>;
}

/** Makes the call. @throws {IrisError} in one line, see the port */
export function linkCall(
  options: LinkCallOptions,
): (url: string, request: LinkRequest, signal: AbortSignal) => Promise<LinkAnswer> {
  return async (url, request, signal) => {
    const path = `/api/v1/vm-managers/${encodeURIComponent(options.name)}/link`;
    const token = options.token();
    if (token === null) throw new IrisError("unavailable", "The token file cannot be read");
    let answer: Pick<Response, "ok" | "status" | "text">;
    let text: string;
    try {
      answer = await options.fetch(new URL(path, url), {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
        body: JSON.stringify(request),
        redirect: "manual",
        signal,
      });
      text = await answer.text();
    } catch (error) {
      const message = `The controller at ${url} cannot be reached: ${fetchProblem(error)}`;
      throw new IrisError("unavailable", message, { cause: error });
    }
    if (answer.ok) return parsed(text, url);
    throw refusal(answer.status, text, url);
  };
}

function parsed(text: string, url: string): LinkAnswer {
  try {
    const value = JSON.parse(text.slice(0, MAX_ANSWER_CHARS)) as LinkAnswer;
    const { link, cluster, ack, from, messages } = value;
    const isAnswer = typeof link === "string" && typeof cluster === "string" &&
      Number.isSafeInteger(ack) && Number.isSafeInteger(from) && Array.isArray(messages);
    if (isAnswer) return value;
  } catch {
    // Said below.
  }
  throw notIris(url, 200);
}

function refusal(status: number, text: string, url: string): IrisError {
  if (status === 401 || status === 403) {
    return new IrisError(
      "unauthorized",
      `The controller at ${url} does not take this VM manager's token: give the file ` +
        "`worker-token` of its state folder by --token-file",
    );
  }
  try {
    const { error } = JSON.parse(text) as { error: { code: unknown; message: unknown } };
    const { code, message } = error;
    if (typeof code === "string" && typeof message === "string") {
      if (code === "not_found") {
        const older = `The controller at ${url} knows no VM managers: it is of an older version`;
        return new IrisError("incompatible", older);
      }
      const known = isErrorCode(code) ? code : "unavailable";
      return new IrisError(known, `The controller at ${url}: ${message.slice(0, MAX_QUOTE_CHARS)}`);
    }
  } catch {
    // Said below.
  }
  return notIris(url, status);
}

function notIris(url: string, status: number): IrisError {
  return new IrisError("unavailable", `${url} is no Iris controller (HTTP ${status})`);
}
