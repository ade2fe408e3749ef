/** Heartbeats to 1,000 simulated workers, each held for a second: processor time and lateness. */
import { cpuUsage } from "node:process";
import { fromFileUrl } from "../src/base/file_url.ts";
import { heartbeatLoop } from "../src/heartbeat/heartbeat_loop.ts";
import type { FromHeartbeat, ToHeartbeat } from "../src/heartbeat/messages.ts";
import { FakeLoop } from "../tests/fakes/fake_loop.ts";
import { type Figure, figure } from "./figure.ts";

const WORKERS = 1_000;
const WARM_MS = 3_000;
const MEASURE_MS = 6_000;

interface Measured {
  readonly cores: number;
  readonly p99: number;
  readonly rate: number;
}

/** See the head of this file. */
export async function benchHeartbeat(runs: number): Promise<Figure[]> {
  const measured: Measured[] = [];
  for (let run = 0; run < Math.min(3, runs); run++) measured.push(await once());
  const of = (pick: (one: Measured) => number) => measured.map(pick);
  return [
    figure(
      { name: `heartbeat to ${WORKERS} workers`, unit: "cores", target: "< 0.5" },
      of(({ cores }) => cores),
    ),
    figure({ name: "heartbeat lateness p99", unit: "ms", target: "< 250" }, of(({ p99 }) => p99)),
    figure({ name: "heartbeat calls", unit: "calls/s", target: "~1000" }, of(({ rate }) => rate)),
  ];
}

async function once(): Promise<Measured> {
  const program = fromFileUrl(new URL("./heartbeat_workers.ts", import.meta.url));
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const url = `http://127.0.0.1:${Number((await lines.read()).value)}`;
  const loop = new FakeLoop<unknown>();
  const core = loop.far<FromHeartbeat, ToHeartbeat>("core");
  core.onMessage(() => {});
  loop.run(heartbeatLoop() as never, {});
  core.post({ type: "begin", cluster: "bench", epoch: 1, seq: 0 });
  for (let i = 0; i < WORKERS; i++) {
    const worker = `w${i}`;
    core.post({ type: "worker", link: { worker, incarnation: 1, url, token: "t" } });
    const desired = { worker, incarnation: 1, version: 1, run: [], stop: [], ackFacts: 0 };
    core.post({ type: "desired", desired });
  }
  await delay(WARM_MS);
  const stdin = child.stdin.getWriter();
  await stdin.write(new TextEncoder().encode("count\n"));
  const [cpu, from] = [cpuUsage(), performance.now()];
  await delay(MEASURE_MS);
  const used = cpuUsage(cpu);
  const ms = performance.now() - from;
  await stdin.close();
  let text = "";
  for (let part = await lines.read(); !part.done; part = await lines.read()) text += part.value;
  await loop.stop();
  const { calls, p99 } = JSON.parse(text) as { calls: number; p99: number };
  return { cores: (used.user + used.system) / 1_000 / ms, p99, rate: calls / (ms / 1_000) };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
