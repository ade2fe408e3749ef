/** Pages of other origins: none may call the API, but those that were named. */
import { assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";

const ADMIN = "a".repeat(64);
const PAGE = "https://pages.example:8080";

function setup(allowOrigins?: readonly string[]) {
  const app = createApp(new FakeControllerApi(), {
    tokens: { admin: ADMIN, worker: "b".repeat(64) },
    sessions: new Sessions(),
    baseUrl: () => "http://localhost",
    version: "0.1.0",
    ...(allowOrigins === undefined ? {} : { allowOrigins }),
  });
  const call = async (method: string, headers: Record<string, string>, path = "/api/v1/jobs") => {
    const response = await app.request(path, { method, headers });
    await response.body?.cancel();
    return response;
  };
  /** What a browser asks before it calls. */
  const ask = (origin: string) =>
    call("OPTIONS", {
      ...{ Origin: origin, "Access-Control-Request-Method": "POST" },
      "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    });
  const token = { Authorization: `Bearer ${ADMIN}` };
  return { call, ask, token };
}

Deno.test("without a named origin no page of another one is let in", async () => {
  const { call, ask, token } = setup();
  assertEquals((await ask(PAGE)).headers.get("Access-Control-Allow-Origin"), null);
  const answer = await call("GET", { ...token, Origin: PAGE });
  assertEquals(answer.headers.get("Access-Control-Allow-Origin"), null);
});

Deno.test("a page of a named origin may call with a token, and nobody else's may", async () => {
  const { call, ask, token } = setup([PAGE, "http://localhost:3000"]);
  const asked = await ask(PAGE);
  assertEquals([asked.status, asked.headers.get("Access-Control-Allow-Origin")], [204, PAGE]);
  const allowed = asked.headers.get("Access-Control-Allow-Headers")?.toLowerCase() ?? "";
  assertEquals(/authorization.*content-type.*idempotency-key/.test(allowed), true, allowed);
  assertEquals(asked.headers.get("Access-Control-Allow-Credentials"), null, "no cookies");
  const answer = await call("GET", { ...token, Origin: PAGE });
  assertEquals([answer.status, answer.headers.get("Access-Control-Allow-Origin")], [200, PAGE]);
  assertEquals(answer.headers.get("Vary"), "Origin");
  const refused = await call("GET", { Origin: PAGE });
  assertEquals([refused.status, refused.headers.get("Access-Control-Allow-Origin")], [401, PAGE]);
  for (const other of ["https://pages.example", "null", "https://evil.example"]) {
    assertEquals((await ask(other)).headers.get("Access-Control-Allow-Origin"), null, other);
  }
  const page = await call("GET", { ...token, Origin: PAGE }, "/");
  assertEquals(page.headers.get("Access-Control-Allow-Origin"), null, "the API alone is opened");
});
