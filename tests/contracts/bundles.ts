/** What every store of bundles does; run by the fake and by the real one. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import type { BundlesApi } from "../../src/controller/shipping_api.ts";
import { archiveOf, file, hashOfBytes } from "../archive/samples.ts";

/** A store to be tested, that takes bundles of at most 100,000 bytes. */
export interface BundlesBench {
  readonly bundles: BundlesApi;
  [Symbol.asyncDispose](): Promise<void>;
}

const NEVER = new AbortController().signal;
const BYTES = archiveOf([file("a", "hello")]);

/** Registers the suite. */
export function bundlesContract(name: string, bench: () => BundlesBench): void {
  const test = (what: string, fn: (bundles: BundlesApi, hash: string) => Promise<void>) =>
    Deno.test(`with ${name} it holds that ${what}`, async () => {
      await using one = bench();
      await fn(one.bundles, await hashOfBytes(BYTES));
    });

  test("a bundle that was sent is there, and comes out as it went in", async (bundles, hash) => {
    const offer = { hash, bytes: BYTES.length };
    assertEquals(bundles.offer(offer), { ...offer, here: false });
    assertEquals(bundles.has(hash), false);
    assertEquals(await bundles.put(hash, new Blob([BYTES]).stream(), NEVER), {
      ...offer,
      here: true,
    });
    assertEquals([bundles.offer(offer).here, bundles.has(hash)], [true, true]);
    const { bytes, body } = await bundles.get(hash);
    assertEquals(bytes, BYTES.length);
    assertEquals(await new Response(body).bytes(), BYTES);
  });

  test("another content than the hash says is refused and not kept", async (bundles, hash) => {
    for (const body of [new Blob(["x"]).stream(), null]) {
      const error = await assertRejects(() => bundles.put(hash, body, NEVER), IrisError);
      assertEquals([error.code, error.field], ["invalid", "bundle"]);
    }
    assertEquals(bundles.has(hash), false);
    assertEquals((await assertRejects(() => bundles.get(hash), IrisError)).code, "not_found");
  });

  test("one that is too large is refused before and while it is sent", async (bundles, hash) => {
    const code = "too_large";
    assertEquals(assertThrows(() => bundles.offer({ hash, bytes: 100_001 }), IrisError).code, code);
    const large = new Blob([new Uint8Array(100_001)]).stream();
    const error = await assertRejects(() => bundles.put(hash, large, NEVER), IrisError);
    assertEquals([error.code, error.field], [code, "bundle"]);
  });

  test("one that is cut half way leaves nothing", async (bundles, hash) => {
    let pulled = 0;
    const cut = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulled++ === 0) controller.enqueue(BYTES.subarray(0, 700));
        else controller.error(new Error("cut"));
      },
    });
    await assertRejects(() => bundles.put(hash, cut, NEVER));
    assertEquals(bundles.has(hash), false);
  });

  test("two who send the same at once both succeed", async (bundles, hash) => {
    const send = () => bundles.put(hash, new Blob([BYTES]).stream(), NEVER);
    assertEquals((await Promise.all([send(), send()])).map(({ here }) => here), [true, true]);
    assertEquals(await new Response((await bundles.get(hash)).body).bytes(), BYTES);
  });
}
