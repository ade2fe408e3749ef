/** The pages of a running cluster in a real browser: lines as they come, also over a restart. */
import { assert, assertEquals } from "@std/assert";
import { Chromium, hasChromium } from "../support/chromium.ts";
import {
  clientOf,
  type IrisProcess,
  makeWorld,
  startIris,
  type World,
} from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";

const UP_MS = 30_000;
/** A line must be on the page so soon after it was written, in ms. */
const SOON_MS = 1_000;

/** Writes a line with its number and the time, five times a second, until a file is there. */
const WRITER = `i=0
while [ ! -e "$0" ]; do echo "line $i at $(date +%s%3N)"; i=$((i+1)); sleep 0.2; done
printf '%s\\n' '<b>not bold</b>' 'last €'`;

function controllerUp(world: World, port: string): IrisProcess {
  return startIris(world, ["--mode=controller", `--port=${port}`, `--state-dir=${world.stateDir}`]);
}

async function end(process: IrisProcess): Promise<void> {
  Deno.kill(process.pid, "SIGTERM");
  await process.ended;
}

/** The lines on a page; for each number how late it was shown is kept in \`late\`. */
const WATCH = `late = []; new MutationObserver((changes) => {
  for (const { addedNodes } of changes) for (const node of addedNodes) {
    const [, at] = / at (\\d+)/.exec(node.textContent) ?? [];
    if (at) late.push(Date.now() - Number(at));
  }
}).observe(document.querySelector("#log"), { childList: true, subtree: true });`;
const LINES = `[...document.querySelectorAll("#log > div")].map((line) => line.textContent)`;

Deno.test({
  name: "a page shows lines within a second, and none is lost or doubled over a restart",
  ...inGate(await needs("a browser (chromium)", hasChromium)),
  async fn() {
    using world = makeWorld();
    const first = controllerUp(world, "0");
    const client = await clientOf(world, first);
    const [, url = "", port = ""] = await first.printed(/(http:\/\/127\.0\.0\.1:(\d+))/, UP_MS);
    const worker = startIris(world, [
      ...["--mode=worker", "--controller", url, "--name", "w1"],
      ...["--token-file", `${world.stateDir}/worker-token`, `--state-dir=${world.dir}/w1`],
    ]);
    await worker.printed(/worker \w+ http/, UP_MS);
    const stop = `${world.dir}/stop`;
    const job = startIris(world, [
      ...["job", "run", "--name", "writer", "--", "sh", "-c", WRITER, stop],
    ]);
    await job.printed(/line 3 /, UP_MS);
    const name = (await client.jobs({})).find((one) => one.name.endsWith("/writer"))!.name;

    await using browser = await Chromium.start();
    const page = await browser.open((await client.loginLink()).url);
    await page.until(`/[\\d.]+ busy on 1 host/.test(document.body.innerText)`, UP_MS);
    await page.go(`${url}/jobs/${encodeURIComponent(name)}`);
    assert(
      (await page.evaluate<string[]>(LINES)).length > 3,
      "the end of it is on the page at once",
    );
    await page.evaluate(WATCH);
    await page.until("late.length >= 10", UP_MS);
    const late = await page.evaluate<number[]>("late.slice(0, 10).sort((a, b) => a - b)");
    assert(late[5]! < SOON_MS, `lines were shown ${late} ms late`);
    await page.until(
      `document.querySelector("[data-fact=state]").textContent === "running"`,
      UP_MS,
    );

    // Killed, not stopped: nothing is said to anybody.
    Deno.kill(first.pid, "SIGKILL");
    await first.ended;
    await page.until(`document.querySelector("#log-state").textContent.includes("lost")`, UP_MS);
    const second = controllerUp(world, port);
    await second.printed(/(http:\/\/127\.0\.0\.1:\d+)/, UP_MS);
    const before = (await page.evaluate<string[]>(LINES)).length;
    await page.until(`${LINES}.length > ${before + 10}`, UP_MS);
    Deno.writeTextFileSync(stop, "");
    await page.until(
      `document.querySelector("#log-state").textContent === "This is all of it."`,
      UP_MS,
    );
    const lines = await page.evaluate<string[]>(LINES);
    assertEquals(lines.slice(-2), ["0 | <b>not bold</b>", "0 | last €"]);
    const numbers = lines.slice(0, -2).map((line) => Number(/^0 \| line (\d+) at/.exec(line)?.[1]));
    assertEquals(numbers, numbers.map((_, at) => at), "each line once, in order");
    await page.until(
      `document.querySelector("[data-fact=state]").textContent === "succeeded"`,
      UP_MS,
    );

    await page.go(`${url}/jobs/${encodeURIComponent(name)}/tasks/0`);
    await page.until(`${LINES}.at(-1) === "last €"`, UP_MS);
    assertEquals((await page.evaluate<string[]>(LINES)).length, lines.length);
    await job.ended;
    for (const each of [worker, second]) await end(each);
    assertEquals(world.survivors(), []);
  },
});
