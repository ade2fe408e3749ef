/**
 * A thousand workers that have nothing to say, as one HTTP server: holds each call as long as it may
 * and answers. At the end of stdin it prints, in ms, how late the next call of a worker came after an
 * answer: `{ calls, p50, p99 }`. Started by the heartbeat's bench.
 */
import { parseReconcileRequest } from "../src/wire/reconcile_schema.ts";

const answeredAt = new Map<string, number>();
const gaps: number[] = [];
let counting = false;

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(port),
}, async (request) => {
  const { worker, epoch, seq, waitMs } = parseReconcileRequest(await request.json());
  const now = performance.now();
  const before = answeredAt.get(worker);
  if (counting && before !== undefined) gaps.push(now - before);
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  answeredAt.set(worker, performance.now());
  const more = { facts: null, missing: [], specs: [], backlog: 0, running: 0 };
  return Response.json({ worker, epoch, seq, ...more, accepting: true, reason: null });
});

// The first line begins the count; the end of stdin ends it.
for await (const _ of Deno.stdin.readable) counting = true;
counting = false;
gaps.sort((a, b) => a - b);
const at = (share: number) => gaps[Math.round((gaps.length - 1) * share)] ?? 0;
console.log(JSON.stringify({ calls: gaps.length, p50: at(0.5), p99: at(0.99) }));
await server.shutdown();
