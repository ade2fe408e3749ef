/** Routes about what runs now: usage, signals, commands beside tasks. */
import { assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import { EXEC_FRAME, execFrame, frameText } from "../../src/wire/exec.ts";
import { parseExecRequest } from "../../src/wire/exec_schema.ts";
import { parseSignal } from "../../src/wire/signals.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";

const ADMIN = "a".repeat(64);
const TASK = `/api/v1/jobs/${encodeURIComponent("/local/a")}/tasks/0`;

function setup() {
  const api = new FakeControllerApi();
  const sessions = new Sessions();
  const app = createApp(api, {
    tokens: { admin: ADMIN, worker: "b".repeat(64) },
    sessions,
    baseUrl: () => "http://localhost",
    version: "0.1.0",
  });
  return { api, app, sessions };
}

Deno.test("a command's frames go both ways over the route, whose answer has no other header", async () => {
  const { app } = setup();
  const server = Deno.serve({ port: 0, onListen: () => {} }, (request) => app.fetch(request));
  const url = `ws://127.0.0.1:${server.addr.port}${TASK}/exec`;
  const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${ADMIN}` } });
  socket.binaryType = "arraybuffer";
  const heard: string[] = [];
  const closed = new Promise<void>((resolve) => socket.onclose = () => resolve());
  socket.onmessage = ({ data }) => {
    const frame = new Uint8Array(data as ArrayBuffer);
    heard.push(`${frame[0]} ${frameText(frame)}`);
  };
  socket.onopen = () => {
    socket.send(JSON.stringify({ argv: ["cat"], terminal: null, term: null }));
    socket.send(execFrame(EXEC_FRAME.stdin, "hello"));
    socket.send(execFrame(EXEC_FRAME.stdinEnd));
  };
  await closed;
  assertEquals(heard, [`${EXEC_FRAME.stdout} hello`, `${EXEC_FRAME.ended} {"code":0}`]);
  await server.shutdown();
});

Deno.test("a browser's session does not open a command from another origin", async () => {
  const { app, sessions } = setup();
  const cookie = `iris_session=${sessions.redeem(sessions.issueCode())}`;
  const answer = (headers: Record<string, string>) =>
    app.request(`http://localhost${TASK}/exec`, { headers: { Cookie: cookie, ...headers } });
  const other = { Upgrade: "websocket", Origin: "http://localhost:8080" };
  assertEquals((await answer(other)).status, 401);
  assertEquals((await answer({ Upgrade: "websocket" })).status, 401);
  // Without an upgrade it is a plain read, which only says what is missing.
  assertEquals((await answer({})).status, 400);
});

Deno.test("a strange index or signal is an error that names its field", async () => {
  const { app, api } = setup();
  const post = async (path: string, body: unknown) => {
    const headers = { Authorization: `Bearer ${ADMIN}` };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    const response = await app.request(path, init);
    const { error } = await response.json();
    return [response.status, error?.field, error?.message];
  };
  assertEquals(await post(`${TASK}x/signal`, { signal: "USR1" }), [
    ...[400, "index"],
    'A task\'s index must be a whole number: it is "0x"',
  ]);
  assertEquals(await post(`${TASK}/signal`, { signal: "TREM" }), [
    ...[400, "signal"],
    'Unknown signal "TREM". Did you mean TERM?',
  ]);
  assertEquals((await post(`${TASK}/signal`, {})).slice(0, 2), [400, "signal"]);
  assertEquals(api.live.signals, []);
});

Deno.test("signals are known with and without SIG, in any case", () => {
  for (const word of ["USR1", "usr1", "SIGUSR1", "sigusr1"]) {
    assertEquals(parseSignal(word), "SIGUSR1");
  }
});

Deno.test("a request for a command is checked: no empty command, no NUL, a size that can be", () => {
  const request = { argv: ["sh"], terminal: { rows: 1, columns: 1 }, term: null };
  assertEquals(parseExecRequest(JSON.stringify(request)), request);
  const wrong: [Record<string, unknown>, string][] = [
    [{ argv: [] }, "argv"],
    [{ argv: ["a\0b"] }, "argv.0"],
    [{ terminal: { rows: 0, columns: 80 } }, "terminal.rows"],
    [{ more: 1 }, "more"],
  ];
  for (const [change, field] of wrong) {
    let found: unknown;
    try {
      parseExecRequest({ ...request, ...change });
    } catch (error) {
      found = (error as { field: string }).field;
    }
    assertEquals(found, field);
  }
});
