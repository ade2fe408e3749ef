/** What can be done on pages, in a real browser with a real cluster behind them. */
import { assert, assertEquals } from "@std/assert";
import { type BrowserPage, Chromium, hasChromium } from "../support/chromium.ts";
import { clientOf, makeWorld, startIris } from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";

const UP_MS = 30_000;

/** It says that it was asked to end, and does not. */
const STUBBORN = `trap 'echo asked' TERM; while :; do sleep 0.1; done`;

async function pageOf(browser: Chromium, url: string): Promise<BrowserPage> {
  const page = await browser.open("about:blank");
  await page.before(`window.wrong = [];
    addEventListener("securitypolicyviolation", (e) => wrong.push(e.violatedDirective));
    addEventListener("error", (e) => wrong.push(e.message));`);
  await page.view({ width: 1_280, height: 900, theme: "dark" });
  await page.go(url);
  return page;
}

/** Presses the button of a form, in the details that it is in. */
function submitted(path: string): string {
  return `(() => {
    const form = document.querySelector('form[action="${path}"]');
    form.closest("details")?.setAttribute("open", "");
    form.querySelector("button").click();
    return null;
  })()`;
}

const sees = (text: string) =>
  `document.body?.innerText.includes(${JSON.stringify(text)}) === true`;

Deno.test({
  name: "a task is entered, a worker drained, a job stopped and the cluster stopped, all on pages",
  ...inGate(await needs("a browser (chromium)", hasChromium)),
  async fn() {
    using world = makeWorld();
    const cluster = startIris(world, [
      ...["--mode=local", "--port=0", "--stop-timeout=8s", `--state-dir=${world.stateDir}`],
    ]);
    const client = await clientOf(world, cluster);
    const submit = (name: string, script: string) =>
      client.submit({ name, argv: ["sh", "-c", script], graceMs: 6_000, cpuMilli: 100 });
    const calm = await submit("calm", "exec sleep 600");
    const stubborn = await submit("stubborn", STUBBORN);
    await using browser = await Chromium.start();
    const page = await pageOf(browser, (await client.loginLink()).url);
    const origin = await page.evaluate<string>("location.origin");
    const job = `/jobs/${encodeURIComponent(calm.name)}`;

    await page.go(`${origin}${job}/tasks/0`);
    await page.until(
      `document.querySelector("[data-fact=state]").textContent === "running"`,
      UP_MS,
    );
    await page.until(`document.querySelector("form[data-exec]")?.hidden === false`, UP_MS);
    await page.evaluate(`document.querySelector("form[data-exec] button").click()`);
    await page.until(
      `document.querySelector("#terminal-state").textContent.startsWith("Open.")`,
      UP_MS,
    );
    const echo = `printf '\\033[38;2;1;2;3m%s\\033[0m' $IRIS_JOB$((20+3))`;
    await page.press(...echo, "Enter");
    await page.until(
      `document.querySelector("#terminal .xterm-rows").textContent.includes("${calm.name}23")`,
      UP_MS,
    );
    assertEquals(
      await page.evaluate(`[...document.querySelectorAll("#terminal .xterm-rows span")]
        .some((span) => getComputedStyle(span).color === "rgb(1, 2, 3)")`),
      true,
      "its colours are what the program asked for",
    );
    assertEquals(await page.evaluate("wrong"), []);

    const worker = (await client.workers())[0]!.name;
    await page.go(`${origin}/workers/${worker}`);
    await page.evaluate(submitted(`/workers/${worker}/drain`));
    await page.until(sees("It gets nothing new"), UP_MS);
    await page.evaluate(submitted(`/workers/${worker}/release`));
    await page.until(`!(${sees("It gets nothing new")}) && ${sees("alive")}`, UP_MS);

    await page.go(`${origin}${job}`);
    await page.evaluate(submitted(`${job}/stop`));
    await page.until(
      `document.querySelector("[data-fact=state]")?.textContent === "killed"`,
      UP_MS,
    );

    await page.go(`${origin}/tree`);
    await page.until(`document.querySelector("#live-state").textContent === "Live"`, UP_MS);
    await page.evaluate(submitted("/cluster/stop"));
    await page.until(
      `${sees("still up")} && /is killed in \\d+ s/.test(document.body?.innerText)`,
      UP_MS,
    );
    await page.until(`document.querySelector("#live-state").dataset.state === "stale"`, UP_MS);
    assertEquals(await page.evaluate("wrong"), []);
    const { code } = await cluster.ended;
    assert([0, 3].includes(code), `${code}`);
    assert(stubborn.generation > 0);
    assertEquals(world.survivors(), []);
  },
});
