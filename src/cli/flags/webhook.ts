/** Webhooks as people type them: of a job where to call, of a controller whom it may call. Pure. */
import { IrisError } from "../../base/errors.ts";
import { webhookProblem } from "../../wire/webhook.ts";
import type { Parse } from "./quantities.ts";

const HOST = /^(\*|(\*\.)?[\w.-]+(:\d{1,5})?|\[[0-9a-f:]+\](:\d{1,5})?)$/i;

/** `https://example.com/done`. */
export const parseWebhook: Parse<string> = (text, flag) => {
  const problem = webhookProblem(text);
  if (problem === null) return text;
  throw new IrisError("usage", `Invalid ${flag}: it ${problem}`, { field: flag });
};

/** `example.com`, `example.com:8443`, `*.example.com`, `*`. */
export const parseWebhookHost: Parse<string> = (text, flag) => {
  if (HOST.test(text)) return text.toLowerCase();
  const message = `Invalid ${flag}: "${text}" is not a host (examples: hooks.example.com, ` +
    "*.example.com, 127.0.0.1:8080, *)";
  throw new IrisError("usage", message, { field: flag });
};
