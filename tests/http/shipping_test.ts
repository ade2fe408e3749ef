/** Bundles and outputs over the controller's routes. */
import { assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import { archiveOf, file, hashOfBytes } from "../archive/samples.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";

const ADMIN = "a".repeat(64);
const WORKER = "b".repeat(64);
const BYTES = archiveOf([file("a")]);

function setup() {
  const api = new FakeControllerApi();
  const app = createApp(api, {
    tokens: { admin: ADMIN, worker: WORKER },
    sessions: new Sessions(),
    baseUrl: () => "http://localhost",
    version: "0.1.0",
  });
  const call = async (path: string, init: RequestInit = {}, token = ADMIN) =>
    await app.request(path, { ...init, headers: { Authorization: `Bearer ${token}` } });
  return { api, call };
}

Deno.test("a bundle is offered, sent and fetched; a worker may only fetch", async () => {
  const { call } = setup();
  const hash = await hashOfBytes(BYTES);
  const offer = { method: "POST", body: JSON.stringify({ hash, bytes: BYTES.length }) };
  assertEquals((await (await call("/api/v1/bundles", offer)).json()).here, false);
  const put = { method: "PUT", body: BYTES };
  for (const [path, init] of [["", offer], [`/${hash}`, put]] as const) {
    const refused = await call(`/api/v1/bundles${path}`, init, WORKER);
    assertEquals([refused.status, (await refused.json()).error.code], [403, "forbidden"]);
  }
  const sent = await call(`/api/v1/bundles/${hash}`, put);
  assertEquals([sent.status, await sent.json()], [201, { hash, bytes: BYTES.length, here: true }]);
  for (const token of [ADMIN, WORKER]) {
    const got = await call(`/api/v1/bundles/${hash}`, {}, token);
    assertEquals(got.headers.get("Content-Length"), String(BYTES.length));
    assertEquals(await got.bytes(), BYTES);
  }
  assertEquals((await (await call("/api/v1/bundles", offer)).json()).here, true);
});

Deno.test("what is wrong with a bundle names its field", async () => {
  const { call } = setup();
  const error = async (path: string, init: RequestInit = {}) => {
    const { error } = await (await call(path, init)).json();
    return [error.code, error.field];
  };
  const post = (body: unknown) => ({ method: "POST", body: JSON.stringify(body) });
  const hash = "0".repeat(64);
  assertEquals(await error("/api/v1/bundles", post({ hash: "x", bytes: 1 })), ["invalid", "hash"]);
  assertEquals(await error("/api/v1/bundles", post({ hash, bytes: -1 })), ["invalid", "bytes"]);
  assertEquals(await error("/api/v1/bundles", post({ hash, bytes: 1e9 })), ["too_large", "bundle"]);
  assertEquals(await error("/api/v1/bundles/..%2f..%2fx"), ["invalid", "hash"]);
  assertEquals(await error(`/api/v1/bundles/${hash}`), ["not_found", undefined]);
  const wrong = { method: "PUT", body: BYTES };
  assertEquals(await error(`/api/v1/bundles/${hash}`, wrong), ["invalid", "bundle"]);
});

Deno.test("outputs of a job are listed, and sent task by task", async () => {
  const { api, call } = setup();
  const output = { task: 1, attempt: 0, worker: "w", files: 1, bytes: 1, note: null };
  api.outputs.byJob.set("/u/a", { outputs: [output], gaps: [], gapCount: 0 });
  api.outputs.archives.set("/u/a 1", BYTES);
  const path = `/api/v1/jobs/${encodeURIComponent("/u/a")}/outputs`;
  assertEquals((await (await call(path)).json()).outputs, [output]);
  const sent = await call(`${path}/1`);
  assertEquals(sent.headers.get("Content-Type"), "application/x-tar");
  assertEquals(await sent.bytes(), BYTES);
  assertEquals((await (await call(`${path}/2`)).json()).error.code, "gone");
  assertEquals((await (await call(`${path}/x`)).json()).error.field, "task");
});
