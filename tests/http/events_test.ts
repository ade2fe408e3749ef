import { assert, assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";

const ADMIN = "a".repeat(64);

function setup() {
  const api = new FakeControllerApi();
  const app = createApp(api, {
    tokens: { admin: ADMIN, worker: "b".repeat(64) },
    sessions: new Sessions(),
    baseUrl: () => "http://localhost",
    version: "0.1.0",
  });
  const call = (path: string, headers?: Record<string, string>, body?: unknown) =>
    app.request(path, {
      headers: { Authorization: `Bearer ${ADMIN}`, ...headers },
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
  return { api, call };
}

Deno.test("changes come by page, from a cursor on", async () => {
  const { api, call } = setup();
  for (const job of ["/u/a", "/u/b", "/u/a"]) api.tell("job_state", job);
  const page = await (await call("/api/v1/events?after=oldest&limit=2")).json();
  assertEquals([page.events.length, page.cursor], [2, "fake.2"]);
  const rest = await (await call("/api/v1/events?after=fake.2")).json();
  assertEquals([rest.events.length, rest.cursor], [1, "fake.3"]);
  const none = await (await call("/api/v1/events")).json();
  assertEquals(none, { events: [], cursor: "fake.3" });
  const ofA = await (await call("/api/v1/events?after=oldest&job=%2Fu%2Fa")).json();
  assertEquals(ofA.events.length, 2);
  const bad = await call("/api/v1/events?after=other.1&follow=true");
  assertEquals([bad.status, (await bad.json()).error.field], [400, "after"]);
});

Deno.test("changes come as server-sent events whose ids a browser hands back", async () => {
  const { api, call } = setup();
  api.tell("job_state", "/u/a");
  api.tell("job_done", "/u/a");
  const response = await call("/api/v1/events", {
    Accept: "text/event-stream",
    "Last-Event-ID": "fake.1",
  });
  assertEquals(response.headers.get("Content-Type"), "text/event-stream");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  assert(value!.startsWith("id: fake.2\nevent: job_done\ndata: {"), value);
  assert(value!.endsWith("}\n\n"));
  api.tell("job_state", "/u/b");
  assert((await reader.read()).value!.startsWith("id: fake.3\n"));
  await reader.cancel();
});

Deno.test("a submit's key is checked and makes it one job", async () => {
  const { api, call } = setup();
  const submit = (key: string) =>
    call("/api/v1/jobs", { "Idempotency-Key": key }, { argv: ["true"] });
  const [first, again] = [await (await submit("k")).json(), await (await submit("k")).json()];
  assertEquals([first.name, api.jobs({ limit: 9 }).length], [again.name, 1]);
  for (const bad of ["a b", "x".repeat(129)]) {
    const refused = await submit(bad);
    assertEquals([refused.status, (await refused.json()).error.field], [400, "Idempotency-Key"]);
  }
});
