/**
 * `deno run -A scripts/screens.ts`: takes the pictures of docs/screens anew, of a real cluster that works on
 * a few jobs, in a real Chromium. Takes a minute.
 */
import { IrisClient } from "../src/client/iris_client.ts";
import { type BrowserPage, Chromium } from "../tests/support/chromium.ts";
import { makeWorld, startIris } from "../tests/support/iris_process.ts";

const FOLDER = new URL("../docs/screens/", import.meta.url);
const UP_MS = 60_000;
/** So long the cluster works before pictures are taken, in ms: charts show something then. */
const PAST_MS = 45_000;
/** The largest picture, in bytes. */
const MAX_BYTES = 150_000;

const CONFIG = `groups:
  - name: cpu
    vm: { cpu: 4, memory: 4GiB }
    min: 2
    max: 3
    provider:
      kind: process
`;

/** Prints what a training does, in colours. */
const TRAIN = `i=0
while :; do
  i=$((i+1))
  printf '\\033[2mstep\\033[0m %5d  \\033[36mloss\\033[0m 0.%04d  \\033[32mok\\033[0m\\n' $i $((9000/i))
  [ $((i%25)) -eq 0 ] && printf '\\033[33mcheckpoint written\\033[0m\\n' >&2
  sleep 0.4
done`;

async function submitAll(client: IrisClient): Promise<void> {
  const sh = (script: string) => ["sh", "-c", script];
  const small = { cpuMilli: 250 };
  await client.submit({ ...small, name: "train", replicas: 4, argv: sh(TRAIN) });
  const fails = sh("[ $IRIS_TASK_INDEX -ne 7 ] || { echo 'no such file: eval.csv' >&2; exit 2; }");
  await client.submit({ ...small, name: "eval", replicas: 20, argv: fails, retries: 1 });
  await client.submit({
    ...small,
    name: "sweep",
    replicas: 4_000,
    argv: sh("sleep 1"),
  });
  await client.submit({ name: "finetune", argv: ["true"], resources: { gpu: 8_000 } });
  await client.submit({
    ...{ ...small, name: "report", argv: ["true"] },
    after: [{ job: "/ann/sweep", on: "success" }],
  });
}

async function picture(
  page: BrowserPage,
  of: { url: string; name: string; theme?: "light" | "dark"; width?: number; height?: number },
): Promise<void> {
  const { url, name, theme = "light", width = 1_280, height = 800 } = of;
  await page.view({ width, height, theme });
  await page.go(url);
  await page.until(`document.querySelector("#live-state").textContent === "Live"`, UP_MS);
  // What is asked of workers comes a moment later.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const bytes = await page.picture();
  if (bytes.length > MAX_BYTES) throw new Error(`${name} has ${bytes.length} bytes`);
  Deno.writeFileSync(new URL(`${name}.png`, FOLDER), bytes);
  console.log(`${name}.png ${Math.round(bytes.length / 1_000)} kB`);
}

async function main(): Promise<void> {
  using world = makeWorld();
  Deno.writeTextFileSync(`${world.dir}/iris.yaml`, CONFIG);
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
    `--config=${world.dir}/iris.yaml`,
  ]);
  const [url] = await cluster.printed(/http:\/\/127\.0\.0\.1:\d+/, UP_MS);
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  const client = new IrisClient({ url, token, user: "ann" });
  {
    await using browser = await Chromium.start();
    const page = await browser.open((await client.loginLink()).url);
    await submitAll(client);
    // Somebody looks meanwhile, so that charts have a past.
    await page.go(`${url}/jobs/%2Fann%2Ftrain/tasks/0`);
    await new Promise((resolve) => setTimeout(resolve, PAST_MS / 2));
    await page.go(`${url}/`);
    await new Promise((resolve) => setTimeout(resolve, PAST_MS / 2));
    const at = (path: string) => `${url}${path}`;
    await picture(page, { url: at("/"), name: "overview" });
    await picture(page, { url: at("/"), name: "overview-dark", theme: "dark" });
    await picture(page, { url: at("/"), name: "overview-phone", width: 375, height: 760 });
    await picture(page, { url: at("/jobs"), name: "jobs" });
    await picture(page, { url: at("/jobs/%2Fann%2Fsweep"), name: "job" });
    await picture(page, { url: at("/jobs/%2Fann%2Ffinetune"), name: "job-pending" });
    const task = at("/jobs/%2Fann%2Ftrain/tasks/0");
    await picture(page, { url: task, name: "task", theme: "dark", height: 1_000 });
    await picture(page, { url: at("/workers/cpu-0"), name: "worker" });
    await picture(page, { url: at("/vms"), name: "vms" });
    await picture(page, { url: at("/tree"), name: "tree" });
    await picture(page, { url: at("/events"), name: "events" });
  }
  Deno.kill(cluster.pid, "SIGTERM");
  await cluster.ended;
}

if (import.meta.main) await main();
