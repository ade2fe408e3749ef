/**
 * A worker whose tasks take no time of this machine, as a process of its own: registers with a real
 * controller, ends so many tasks a second (0: all that came, every few ms), and prints how many it
 * ended, four times a second. Ends with its stdin. Started by the bench of HTTP.
 */
import { FakeWorkerServer } from "../tests/fakes/fake_worker_server.ts";
import { sampleRegistration } from "../tests/support/core_world.ts";

const [controller = "", token = "", perSecond = "0"] = Deno.args;
const rate = Number(perSecond);
/** Tasks end in handfuls: a timer for each would measure timers. */
const STEP_MS = 10;
const TELL_MS = 250;
/** So many run at the same time; beside a worker of one core each. */
const SLOTS = 20_000;

const worker = new FakeWorkerServer({ name: "bench", slots: SLOTS });
const registered = await fetch(`${controller}/api/v1/workers`, {
  method: "POST",
  headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
  body: JSON.stringify(sampleRegistration("bench", {
    ...{ url: worker.url, token: worker.token, cpuMilli: SLOTS * 1_000, memoryBytes: 1e15 },
  })),
  signal: AbortSignal.timeout(10_000),
});
if (!registered.ok) throw new Error(await registered.text());
await registered.body?.cancel();

let ended = 0;
let due = 0;
const from = performance.now();
const stepping = setInterval(() => {
  const wanted = Math.floor((performance.now() - from) / 1_000 * rate);
  const count = Math.min(rate === 0 ? SLOTS : wanted - due, worker.sim.running);
  // What was not there to be ended is not made up for later.
  due = wanted;
  if (count <= 0) return;
  worker.finish(count);
  worker.requests.length = 0;
  ended += count;
}, STEP_MS);
const telling = setInterval(() => {
  console.log(JSON.stringify({ atMs: performance.now(), ended }));
}, TELL_MS);
for await (const _ of Deno.stdin.readable);
clearInterval(stepping);
clearInterval(telling);
await worker.close();
