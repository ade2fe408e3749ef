/** One call of a webhook over HTTP. Used in the webhooks isolate. */
import { fetchProblem } from "../base/fetch_problem.ts";
import type { CallWebhook } from "./webhook_loop.ts";

/**
 * Calls by `fetch`: a redirect is an answer like any other and is not followed, and nothing of an answer
 * is read but its status.
 *
 * @param client whose connections it uses
 */
export function fetchWebhook(client: Deno.HttpClient): CallWebhook {
  return async (url, { headers, body, signal }) => {
    try {
      const response = await fetch(url, {
        ...{ method: "POST", headers, body, signal, client },
        redirect: "manual",
      });
      await response.body?.cancel().catch(() => {});
      return { status: response.status };
    } catch (error) {
      return { problem: signal.aborted ? "no answer in time" : fetchProblem(error) };
    }
  };
}
