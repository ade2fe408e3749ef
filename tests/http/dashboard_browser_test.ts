/** The pages in a real browser: with none, one and ten thousand of everything. */
import AXE from "axe-core/axe.min.js" with { type: "text" };
import { assert, assertEquals } from "@std/assert";
import { type BrowserPage, Chromium, hasChromium } from "../support/chromium.ts";
import { PageWorld, RICH_JOB } from "../support/page_world.ts";
import { inGate, needs } from "../support/require.ts";

const UP_MS = 15_000;
/** A change must be on the page so soon after it was stored, in ms. */
const SOON_MS = 1_000;
/** The overview and all that it loads, in bytes. */
const MAX_BYTES = 150_000;

/** What goes wrong in a page, from its first line on. */
const WATCH = `window.wrong = [];
addEventListener("securitypolicyviolation", (e) => wrong.push(e.violatedDirective + " " + e.blockedURI));
addEventListener("error", (e) => wrong.push(String(e.message)));
addEventListener("unhandledrejection", (e) => wrong.push(String(e.reason)));`;

const RICH = `/jobs/${encodeURIComponent(RICH_JOB)}`;
const LISTS = ["/", "/jobs", "/workers", "/vms", "/tree", "/events"];
/** What there is only with one of everything. */
const ONES = [RICH, `${RICH}?state=FAILED`, `${RICH}/tasks/3`, "/workers/w0", "/vms/w0"];

async function opened(browser: Chromium, world: PageWorld): Promise<BrowserPage> {
  const page = await browser.open("about:blank");
  await page.before(WATCH);
  await page.view({ width: 1_280, height: 900, theme: "light" });
  await page.go(world.login);
  return page;
}

/** Waits until a page follows, and its charts are drawn. */
async function settled(page: BrowserPage): Promise<void> {
  await page.until(
    `document.querySelector("#live-state").textContent === "Live" &&
      [...document.querySelectorAll("[data-chart]")].every((one) => one.querySelector("canvas"))`,
    UP_MS,
  );
}

/** A page is as wide as its window, also a phone's, and nothing went wrong in it. */
async function assertFits(page: BrowserPage, path: string): Promise<void> {
  const over = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;
  assert(await page.evaluate<number>(over) <= 0, `${path} is too wide`);
  assertEquals(await page.evaluate("wrong"), [], path);
}

/** What a checker of accessibility finds that is serious. */
async function findings(
  page: BrowserPage,
  { path, many }: { path: string; many: number },
): Promise<string[]> {
  // A look at each colour of a very long page takes it many seconds; short ones have the same.
  const rules = { "color-contrast": { enabled: many < 100 } };
  await page.evaluate(`window.axe === undefined ? (() => { ${AXE}; return null; })() : null`);
  const found = await page.evaluate<string[]>(`axe.run({ resultTypes: ["violations"],
      rules: ${JSON.stringify(rules)} })
    .then(({ violations }) => violations.filter(({ impact }) => /serious|critical/.test(impact))
      .map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html, failureSummary }) =>
        html.slice(0, 200) + " " + failureSummary).join(" | ")))`);
  return found.map((one) => `${path}: ${one}`);
}

const hasBrowser = await needs("a browser (chromium)", hasChromium);

Deno.test({
  name:
    "a page shows within a second what was stored, and keeps what its reader has under the hand",
  ...hasBrowser,
  async fn() {
    await using world = new PageWorld({ many: 200 });
    await using browser = await Chromium.start();
    const page = await opened(browser, world);
    await settled(page);
    await page.go(`${world.url}/jobs?q=train`);
    await settled(page);
    await page.evaluate(`document.querySelector("tbody tr:nth-child(3) a").focus();
      getSelection().selectAllChildren(document.querySelector("tbody tr:nth-child(2) a"));
      window.kept = document.activeElement; null`);
    const before = Date.now();
    world.submit("/ann/train-new", { reason: "<b>not bold</b>" });
    await page.until(
      `document.querySelector("tbody tr a").textContent === "/ann/train-new"`,
      UP_MS,
    );
    assert(Date.now() - before < SOON_MS, `shown after ${Date.now() - before} ms`);
    assertEquals(
      await page.evaluate(`[document.activeElement === kept, kept.isConnected,
        String(getSelection()).startsWith("/"), document.querySelectorAll("td b").length]`),
      [true, true, true, 0],
    );
    await assertFits(page, "/jobs");
    await page.view({ width: 375, height: 700, theme: "dark" });
    await assertFits(page, "/jobs on a phone");
  },
});

Deno.test({
  name: "the first page is light, and keys go to every page, to search and through rows",
  ...hasBrowser,
  async fn() {
    await using world = new PageWorld({ many: 200 });
    await using browser = await Chromium.start();
    const page = await opened(browser, world);
    await settled(page);
    const bytes = await page.evaluate<number>(`[...performance.getEntriesByType("resource"),
      ...performance.getEntriesByType("navigation")]
      .filter(({ name }) => !name.includes("/dashboard/live"))
      .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)`);
    assert(bytes > 10_000 && bytes < MAX_BYTES, `${bytes} bytes`);
    for (
      const [key, path] of [..."jwvteo"].map((key, at) => [key, [...LISTS.slice(1), "/"][at]!])
    ) {
      await page.press("g", key!);
      await page.until(
        `location.pathname === "${path}" && document.readyState === "complete" &&
        document.querySelector("#help-button")?.hidden === false`,
        UP_MS,
      );
    }
    await page.press("g", "j");
    await page.until(
      `location.pathname === "/jobs" && document.readyState === "complete" &&
      document.querySelector("#help-button")?.hidden === false`,
      UP_MS,
    );
    await page.press("/");
    assertEquals(await page.evaluate("document.activeElement.name"), "q");
    await page.press("g", "j");
    assertEquals(await page.evaluate("document.activeElement.value"), "gj");
    await page.press("Escape", "j", "j", "k", "j");
    assertEquals(
      await page.evaluate(
        `[...document.querySelectorAll("tbody tr")].findIndex((r) => "at" in r.dataset)`,
      ),
      1,
    );
    await page.press("?");
    assertEquals(await page.evaluate("document.querySelector('#help').open"), true);
    await page.press("?", "Enter");
    await page.until(`location.pathname.startsWith("/jobs/")`, UP_MS);
  },
});

Deno.test({
  name: "a page says since when it is stale, and goes on when its controller is back",
  ...hasBrowser,
  async fn() {
    await using browser = await Chromium.start();
    await using world = new PageWorld({ many: 1 });
    const page = await opened(browser, world);
    await settled(page);
    const state = `document.querySelector("#live-state").textContent`;
    await world.down();
    await page.until(`/^Stale since \\d/.test(${state})`, UP_MS);
    world.up();
    await page.until(`${state} === "Live"`, UP_MS);
    world.submit("/ann/later");
    await page.until(`document.body.innerText.includes("/ann/later")`, UP_MS);
  },
});

Deno.test({
  name: "a log has its colours, is searched, and stays where its reader is",
  ...hasBrowser,
  async fn() {
    await using world = new PageWorld({ many: 1 });
    const write = (text: string, offset: number) => {
      const data = new TextEncoder().encode(text).toBase64();
      world.fake.write(RICH_JOB, { task: 0, attempt: 0, stream: "stdout", offset, data });
    };
    const first = "\x1b[31mred\x1b[0m one\n" + "line\n".repeat(300) + "needle\nan end";
    write(first, 0);
    await using browser = await Chromium.start();
    const page = await opened(browser, world);
    await page.go(`${world.url}${RICH}`);
    const lines = `document.querySelectorAll("#log > div").length`;
    await page.until(
      `document.querySelector("#log-tools").hidden === false && ${lines} >= 50`,
      UP_MS,
    );
    const state = `document.querySelector("#log-state").textContent`;
    await page.until(`${state} === "Live."`, UP_MS);
    const box = `document.querySelector("#log")`;
    const atEnd = `${box}.scrollTop + ${box}.clientHeight >= ${box}.scrollHeight - 2`;
    assertEquals(await page.evaluate(atEnd), true);
    write(" of it\n\x1b[32mgreen\x1b[0m\n", new TextEncoder().encode(first).length);
    await page.until(`document.querySelector("#log .fg-c2")?.textContent === "green"`, UP_MS);
    assertEquals(
      await page.evaluate(`${box}.children[${lines} - 2].textContent`),
      "0 | an end of it",
    );
    assertEquals(await page.evaluate(atEnd), true, "it follows");
    await page.press("/", ..."needle");
    await page.until(
      `/^1 of \\d+ lines$/.test(document.querySelector("#log-matches").textContent)`,
      UP_MS,
    );
    assertEquals(
      await page.evaluate(
        `[...document.querySelectorAll("#log > div:not([hidden])")].map((l) => l.textContent)`,
      ),
      ["0 | needle"],
    );
    assertEquals(await page.evaluate("wrong"), []);
  },
});

for (const many of [0, 1, 10_000]) {
  Deno.test({
    name:
      `every page with ${many} of everything is whole, accessible, and readable without a script`,
    ...inGate(hasBrowser),
    async fn() {
      await using world = new PageWorld({ many });
      await using browser = await Chromium.start();
      const page = await opened(browser, world);
      const paths = many === 0 ? LISTS : [...LISTS, ...ONES];
      const found: string[] = [];
      // Colours are the same however many there are.
      for (const theme of many === 1 ? ["light", "dark"] as const : ["light"] as const) {
        for (const path of paths) {
          await page.view({ width: 1_280, height: 900, theme });
          await page.go(`${world.url}${path}`);
          await settled(page);
          await assertFits(page, path);
          found.push(...await findings(page, { path: `${path} ${theme}`, many }));
          await page.view({ width: 375, height: 700, theme });
          await assertFits(page, `${path} on a phone`);
        }
      }
      assertEquals(found, []);
      await page.scripts(false);
      for (const path of paths) {
        await page.go(`${world.url}${path}`);
        const text = await page.evaluate<string>("document.body.innerText");
        assert(text.length > 100, path);
        if (many > 0) assert(!/No (job|worker|scale group)/.test(text), path);
        else assert(/Nothing|No |no /.test(text) || path === "/tree", path);
      }
    },
  });
}
