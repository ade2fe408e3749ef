import { assertEquals, assertMatch } from "@std/assert";
import { type PackedBundle, sendBundle } from "../../src/cli/commands/bundle.ts";
import type { CliContext } from "../../src/cli/context.ts";
import type { IrisClient } from "../../src/client/iris_client.ts";

const SIZE = 4_000_000;

/** A terminal of 60 columns, and what was written to it. */
function screen(progress: number | undefined) {
  const seen = Promise.withResolvers<void>();
  let text = "";
  const context = {
    env: () => undefined,
    out: (line: string) => text += `${line}\n`,
    err: (line: string) => text += `${line}\n`,
    write: (_: string, bytes: Uint8Array) => {
      text += new TextDecoder().decode(bytes);
      if (text.includes("50 %")) seen.resolve();
    },
    progress,
  } as CliContext;
  return { context, seen: seen.promise, text: () => text.replaceAll("\x1b[K", "<erase>") };
}

/** A controller that takes half of a bundle, and the rest when it may. */
function slowClient(rest: Promise<void>): IrisClient {
  return {
    offerBundle: () => Promise.resolve({ here: false }),
    sendBundle: async (_hash: string, body: ReadableStream<Uint8Array>) => {
      let bytes = 0;
      for await (const chunk of body) {
        bytes += chunk.length;
        if (bytes === SIZE / 2) await rest;
      }
      assertEquals(bytes, SIZE);
    },
  } as unknown as IrisClient;
}

const half = new Uint8Array(SIZE / 2);
const bundle: PackedBundle = {
  ...{ folder: "src", hash: "0".repeat(64), bytes: SIZE },
  stream: () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(half);
        controller.enqueue(half);
        controller.close();
      },
    }, { highWaterMark: 0 }),
};

Deno.test("an upload at a terminal has a bar, which is gone when it is over", async () => {
  const { context, seen, text } = screen(60);
  const client = slowClient(seen);
  assertEquals(await sendBundle(context, client, { bundle, quiet: false, json: false }), true);
  assertMatch(text(), /\r<erase>00:0\d \[#{10}-{10}\] sending src: 50 % of 4 MB/);
  assertMatch(text(), /<erase>$/);
  for (const drawn of text().split("\r")) {
    assertEquals(drawn.replace("<erase>", "").length < 60, true);
  }
});

Deno.test("an upload has none elsewhere, or where somebody wants it quiet", async () => {
  for (const [progress, quiet] of [[undefined, false], [60, true]] as const) {
    const { context, text } = screen(progress);
    await sendBundle(context, slowClient(Promise.resolve()), { bundle, quiet, json: false });
    assertEquals(text(), "");
  }
});
