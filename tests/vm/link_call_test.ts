import { assertEquals, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { linkCall } from "../../src/vm/link_call.ts";
import type { LinkRequest } from "../../src/vm/vm_link.ts";

const REQUEST: LinkRequest = {
  ...{ session: "s", link: null, groups: ["cpu"], waitMs: 0, version: "0.1.0", protocol: 2 },
  ...{ ack: 0, from: 1, messages: [] },
};
const URL = "http://head:10000";

/** What a call says when this is answered. */
async function said(status: number, body: string | Error): Promise<string> {
  const call = linkCall({
    name: "rack",
    token: () => "secret",
    fetch: () => {
      if (body instanceof Error) return Promise.reject(body);
      return Promise.resolve(new Response(body, { status }));
    },
  });
  const error = await assertRejects(
    () => call(URL, REQUEST, new AbortController().signal),
    IrisError,
  );
  assertEquals(error.message.includes("\n"), false);
  return `${error.code}: ${error.message}`;
}

const refusal = (code: string, message: string) => JSON.stringify({ error: { code, message } });

Deno.test("what a controller refuses, or what is none, is one line with a code", async () => {
  assertEquals(
    await said(409, refusal("conflict", "another one has cpu")),
    `conflict: The controller at ${URL}: another one has cpu`,
  );
  assertEquals(
    await said(401, refusal("unauthorized", "A token is needed")),
    `unauthorized: The controller at ${URL} does not take this VM manager's token: give the file ` +
      "`worker-token` of its state folder by --token-file",
  );
  assertEquals(
    await said(404, refusal("not_found", "No such page")),
    `incompatible: The controller at ${URL} knows no VM managers: it is of an older version`,
  );
  assertEquals(
    await said(502, "<html>Bad gateway</html>"),
    `unavailable: ${URL} is no Iris controller (HTTP 502)`,
  );
  assertEquals(await said(200, "{}"), `unavailable: ${URL} is no Iris controller (HTTP 200)`);
  assertEquals(
    (await said(0, new TypeError("connection refused"))).startsWith(
      `unavailable: The controller at ${URL} cannot be reached: `,
    ),
    true,
  );
});

Deno.test("the token goes into a header, the name into the path", async () => {
  const asked: string[] = [];
  const call = linkCall({
    name: "rack",
    token: () => "secret",
    fetch: (url, init) => {
      asked.push(url.href, new Headers(init.headers).get("Authorization") ?? "");
      const answer = { link: "l", cluster: "c", ack: 0, from: 1, messages: [] };
      return Promise.resolve(new Response(JSON.stringify(answer)));
    },
  });
  assertEquals((await call(URL, REQUEST, new AbortController().signal)).link, "l");
  assertEquals(asked, [`${URL}/api/v1/vm-managers/rack/link`, "Bearer secret"]);
});

Deno.test("a token file that cannot be read is tried again, and said", async () => {
  const call = linkCall({
    name: "rack",
    token: () => null,
    fetch: () => Promise.reject(new Error("nothing is sent without a token")),
  });
  const error = await assertRejects(
    () => call(URL, REQUEST, new AbortController().signal),
    IrisError,
  );
  assertEquals([error.code, error.message], ["unavailable", "The token file cannot be read"]);
});
