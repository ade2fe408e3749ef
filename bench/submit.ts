/**
 * Submits by HTTP to a running controller, 500 a second: how long each takes until it is durable, and
 * how long the disk itself takes for a small durable write in the same seconds.
 */
import { IrisClient } from "../src/client/iris_client.ts";
import { makeWorld, startIris } from "../tests/support/iris_process.ts";
import { type Figure, figure } from "./figure.ts";

const PER_SECOND = 500;
const SECONDS = 6;
/** The first second fills caches. */
const WARM_SECONDS = 1;

/** See the head of this file. */
export async function benchSubmit(runs: number): Promise<Figure[]> {
  const submits: number[] = [];
  const syncs: number[] = [];
  for (let run = 0; run < Math.min(3, runs); run++) {
    const { submit, sync } = await once();
    submits.push(submit);
    syncs.push(sync);
  }
  const allowed = syncs.map((sync) => 10 + 2 * sync);
  return [
    figure(
      { name: `submit at ${PER_SECOND}/s, p99`, unit: "ms", target: "< the next row" },
      submits,
    ),
    figure({ name: "10 ms + 2 x fsync p99", unit: "ms", target: "(allowed)" }, allowed),
  ];
}

async function once(): Promise<{ submit: number; sync: number }> {
  using world = makeWorld();
  const controller = startIris(world, [
    ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const [url] = await controller.printed(/http:\/\/127\.0\.0\.1:\d+/, 20_000);
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  const client = new IrisClient({ url, token, user: "u" });
  const submits: number[] = [];
  const syncs: number[] = [];
  const calls: Promise<void>[] = [];
  const from = performance.now();
  const file = await Deno.open(`${world.dir}/probe`, { write: true, create: true });
  for (let n = 0; n < PER_SECOND * SECONDS; n++) {
    const dueMs = n * 1_000 / PER_SECOND;
    const early = from + dueMs - performance.now();
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
    const warm = dueMs >= WARM_SECONDS * 1_000;
    calls.push(timed(() => client.submit({ argv: ["true"], name: `j${n}` }), warm ? submits : []));
    if (n % 50 === 0) calls.push(timed(() => probe(file), warm ? syncs : []));
  }
  await Promise.all(calls);
  file.close();
  Deno.kill(controller.pid, "SIGTERM");
  await controller.ended;
  return { submit: percentile(submits, 0.99), sync: percentile(syncs, 0.99) };
}

async function probe(file: Deno.FsFile): Promise<void> {
  await file.write(new Uint8Array(4_096));
  await file.syncData();
}

async function timed(call: () => Promise<unknown>, into: number[]): Promise<void> {
  const from = performance.now();
  await call();
  into.push(performance.now() - from);
}

function percentile(samples: number[], share: number): number {
  samples.sort((a, b) => a - b);
  return samples[Math.round((samples.length - 1) * share)] ?? NaN;
}
