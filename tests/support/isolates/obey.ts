/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: obeys at once, answers `ping`, owns one resource, echoes its config. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";
import type { StopRequest } from "../../../src/lifecycle/part.ts";

serveIsolate<{ greeting: string }>(async (context) => {
  await context.owner.own({ name: "socket", kind: "resource", release: () => {} });
  if (context.config?.greeting === "with-channel") {
    const channel = context.channel<string, string>("main");
    channel.onMessage(async (message) => {
      if (message === "own") await context.owner.own({ name: "another", kind: "resource" });
      channel.post(`${message} pong`);
    });
    context.signal.addEventListener("abort", () => {
      const { cause, deadline }: StopRequest = context.signal.reason;
      channel.post(
        `stop ${cause} ${deadline.remainingMs() > 1000 && deadline.remainingMs() < 2000}`,
      );
    });
    context.closing.addEventListener(
      "abort",
      () => channel.post(`closing ${context.closing.reason}`),
    );
  }
  context.ready(context.config);
  await new Promise<void>((resolve) =>
    context.signal.addEventListener("abort", () => resolve(), { once: true })
  );
});
