import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ownFigures } from "../../src/base/metrics.ts";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import { controllerFigures } from "../../src/http/controller_figures.ts";
import { createMetricsApp } from "../../src/http/metrics_app.ts";
import { exposition } from "../../src/wire/exposition.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";
import { sampleRegistration } from "../support/core_world.ts";

const ADMIN = "a".repeat(64);

function setup() {
  const api = new FakeControllerApi();
  const app = createApp(api, {
    tokens: { admin: ADMIN, worker: "b".repeat(64) },
    sessions: new Sessions(),
    baseUrl: () => "http://localhost",
    version: "0.1.0",
    figures: () => Promise.resolve(ownFigures()),
  });
  const call = async (path: string, token = ADMIN) => {
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await app.request(path, { headers });
    return { status: answer.status, answer, text: await answer.text() };
  };
  return { api, call };
}

Deno.test("metrics are told to who may see them, as Prometheus reads them", async () => {
  const { call } = setup();
  assertEquals((await call("/metrics", "wrong")).status, 401);
  const { status, answer, text } = await call("/metrics");
  assertEquals(status, 200);
  assertStringIncludes(answer.headers.get("Content-Type") ?? "", "text/plain; version=0.0.4");
  assertMatch(text, /^# TYPE iris_http_requests_total counter$/m);
});

Deno.test("requests are counted by the pattern of their route: no name of a job gets there", async () => {
  const { call } = setup();
  for (const path of ["/api/v1/jobs/%2Fu%2Fsecret-name", "/nowhere/secret-name", "/healthz"]) {
    await call(path);
  }
  await call("/api/v1/jobs/%2Fu%2Fsecret-name", "wrong");
  const { text } = await call("/metrics");
  const line = (route: string, status: number) =>
    `iris_http_requests_total{method="GET",route="${route}",status="${status}"}`;
  assertStringIncludes(text, line("/api/v1/jobs/:name", 404));
  assertStringIncludes(text, line("/api/v1/jobs/:name", 401));
  assertStringIncludes(text, line("/healthz", 200));
  assertEquals(text.includes("secret-name"), false);
  assertMatch(text, /iris_http_requests_total\{method="GET",route="none",status="404"\} 1/);
});

Deno.test("workers and the store are looked at when somebody asks", async () => {
  const { api } = setup();
  await api.register(sampleRegistration("w1", { cpuMilli: 2_500 }));
  const database = await Deno.makeTempFile();
  await Deno.writeTextFile(database, "x".repeat(10));
  const figures = { all: () => Promise.resolve(ownFigures()) };
  const text = exposition(await controllerFigures(api, { figures, database }));
  await Deno.remove(database);
  assertMatch(text, /^iris_workers\{state="alive"\} 1$/m);
  assertMatch(text, /^iris_capacity_cpu_cores 2.5$/m);
  assertMatch(text, /^iris_store_size_bytes\{file="database"\} 10$/m);
  assertEquals(text.includes("w1"), false);
});

Deno.test("a VM manager answers metrics alone, to who has its token as it is now", async () => {
  let token: string | null = "one";
  const app = createMetricsApp({
    figures: () => Promise.resolve([["iris_build_info", [[["1", "2"], [1]]]]]),
    token: () => token,
  });
  const call = async (path: string, bearer: string) => {
    const headers = { Authorization: `Bearer ${bearer}` };
    const answer = await app(new Request(`http://localhost${path}`, { headers }));
    return [answer.status, await answer.text()] as const;
  };
  const [status, text] = await call("/metrics", "one");
  assertEquals(status, 200);
  assertMatch(text, /^iris_build_info\{version="1",deno="2"\} 1$/m);
  token = "two";
  assertEquals((await call("/metrics", "one"))[0], 401);
  token = null;
  assertEquals((await call("/metrics", "null"))[0], 401);
  assertEquals((await call("/", "two"))[0], 404);
});
