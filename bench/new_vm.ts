/**
 * From a submit to a task that runs on a VM that was made for it: a local cluster that was scaled to
 * zero, and the provider `process`.
 */
import { IrisClient } from "../src/client/iris_client.ts";
import { makeWorld, startIris } from "../tests/support/iris_process.ts";
import { type Figure, figure } from "./figure.ts";
import { within } from "../tests/support/until.ts";

const LIMIT_MS = 30_000;
const CONFIG = `groups:
  - name: cpu
    vm: { cpu: 1, memory: 256MiB }
    max: 1
    idle: 500ms
    pace: { createsPerMinute: 600, deletesPerMinute: 600 }
    provider: { kind: process }
`;

/** See the head of this file. */
export async function benchNewVm(runs: number): Promise<Figure[]> {
  const samples: number[] = [];
  using world = makeWorld();
  const file = `${world.dir}/iris.yaml`;
  Deno.writeTextFileSync(file, CONFIG);
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`, `--config=${file}`],
  ]);
  const [url] = await cluster.printed(/http:\/\/127\.0\.0\.1:\d+/, LIMIT_MS);
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  const client = new IrisClient({ url, token, user: "u" });
  for (let run = 0; run < runs; run++) {
    const from = Date.now();
    const { name } = await client.submit({ name: `j${run}`, argv: ["/bin/date", "+%s%3N"] });
    await client.wait(name);
    let began = "";
    for await (const { data } of client.logs(name)) began += atob(data);
    samples.push(Number(began.trim()) - from);
    // The next run is to find nothing there.
    await until(async () => (await client.fleet.vms()).length === 0);
  }
  Deno.kill(cluster.pid, "SIGTERM");
  await cluster.ended;
  const of = { name: "submit to a task on a new VM (process)", unit: "ms", target: "< 1500" };
  return [figure(of, samples)];
}

const until = within(LIMIT_MS);
