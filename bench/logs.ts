/**
 * Logs from end to end on a local cluster with one worker: what 100 tasks write at the same time is
 * followed through worker and controller by one client, which counts bytes and lines. Then 100 tasks
 * write a line with the time in it now and then: how long a line takes from its write to the
 * follower.
 */
import type { IrisClient } from "../src/client/iris_client.ts";
import { clientOf, makeWorld, startIris } from "../tests/support/iris_process.ts";
import { type Figure, figure } from "./figure.ts";

const WRITERS = 100;
/** What each writer writes, in bytes, in lines of 100. */
const EACH_BYTES = 2_000_000;
const LINE = `${"x".repeat(99)}\n`;
const NEWLINE = 0x0a;
/** Lines with the time in them that each writer writes, one every 250 ms. */
const STAMPS = 20;
const STAMP_SECONDS = 0.25;
/** The first lines tell of the start of the tasks as well. */
const WARM_STAMPS = 4;

/** See the head of this file. */
export async function benchLogs(runs: number): Promise<Figure[]> {
  const rates: number[] = [];
  const lines: number[] = [];
  const median: number[] = [];
  const p99: number[] = [];
  for (let run = 0; run < Math.min(3, runs); run++) {
    using world = makeWorld();
    const args = ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`];
    const cluster = startIris(world, args);
    const client = await clientOf(world, cluster);
    const { bytes, newlines, ms } = await throughput(client);
    rates.push(bytes / 1e6 / (ms / 1e3));
    lines.push(newlines / (ms / 1e3));
    const latencies = await latency(client);
    latencies.sort((a, b) => a - b);
    median.push(latencies[Math.floor(latencies.length / 2)] ?? NaN);
    p99.push(latencies[Math.floor(latencies.length * 0.99)] ?? NaN);
    Deno.kill(cluster.pid, "SIGTERM");
    await cluster.ended;
  }
  return [
    figure({ name: `logs of ${WRITERS} writers, followed`, unit: "MB/s", target: "-" }, rates),
    figure({ name: "  the same in lines of 100 bytes", unit: "lines/s", target: "-" }, lines),
    figure({ name: "write to follower, median", unit: "ms", target: "-" }, median),
    figure({ name: "write to follower, p99", unit: "ms", target: "< 200 ms" }, p99),
  ];
}

/** From the submit to the last byte of the last task. */
async function throughput(client: IrisClient) {
  const from = performance.now();
  const script = `yes '${LINE.trimEnd()}' | head -c ${EACH_BYTES}`;
  const { name } = await submit(client, script);
  let bytes = 0;
  let newlines = 0;
  for await (const { data } of client.logs(name, { follow: true })) {
    const piece = Uint8Array.fromBase64(data);
    bytes += piece.length;
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1)) newlines++;
  }
  if (bytes !== WRITERS * EACH_BYTES) throw new Error(`${bytes} bytes came`);
  return { bytes, newlines, ms: performance.now() - from };
}

async function latency(client: IrisClient): Promise<number[]> {
  const script = `for n in $(seq ${STAMPS}); do date +%s%3N; sleep ${STAMP_SECONDS}; done`;
  const { name } = await submit(client, script);
  const latencies: number[] = [];
  const seen = new Map<number, number>();
  for await (const { task, data } of client.logs(name, { follow: true })) {
    const nowMs = Date.now();
    for (const line of atob(data).split("\n").filter((line) => line.length === 13)) {
      const count = (seen.get(task) ?? 0) + 1;
      seen.set(task, count);
      if (count > WARM_STAMPS) latencies.push(nowMs - Number(line));
    }
  }
  return latencies;
}

function submit(client: IrisClient, script: string) {
  return client.submit({
    name: `bench${script.length}`,
    argv: ["/bin/sh", "-c", script],
    replicas: WRITERS,
    cpuMilli: 1,
  });
}
