/**
 * The dashboard in a real Chromium, over a controller with 10,000 jobs: how soon the first page is painted,
 * how heavy it is, and how soon what was submitted is on the list of jobs.
 */
import { IrisClient } from "../src/client/iris_client.ts";
import { type BrowserPage, Chromium, hasChromium } from "../tests/support/chromium.ts";
import { makeWorld, startIris } from "../tests/support/iris_process.ts";
import { type Figure, figure } from "./figure.ts";

const JOBS = 10_000;
/** Submits that are under way at the same time. */
const AT_ONCE = 64;
const UP_MS = 20_000;
/** Pages whose first paint is measured. */
const PAGES = ["/", "/jobs"];
/** Pages that are asked for, so far apart that nothing of the last one is used again, in ms. */
const ANSWERS = 20;
const KEPT_MS = 1_000;
/** Changes that are waited for. */
const CHANGES = 10;
const VIEW = { width: 1_280, height: 900, theme: "light" } as const;

/** See the head of this file. Nothing where there is no Chromium. */
export async function benchDashboard(runs: number): Promise<Figure[]> {
  if (!await hasChromium()) return [];
  using world = makeWorld();
  const controller = startIris(world, [
    ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const [url] = await controller.printed(/http:\/\/127\.0\.0\.1:\d+/, UP_MS);
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  const client = new IrisClient({ url, token, user: "u" });
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < JOBS) await client.submit({ argv: ["true"], name: `j${next++}`, replicas: 10 });
  }));
  const figures: Figure[] = [];
  for (const path of PAGES) figures.push(await answers(`${url}${path}`, { path, token }));
  {
    await using browser = await Chromium.start();
    const page = await browser.open((await client.loginLink()).url);
    await page.view(VIEW);
    for (const path of PAGES) figures.push(...await paints(page, { url, path, runs }));
    figures.push(await changes(page, { url, client }));
  }
  Deno.kill(controller.pid, "SIGTERM");
  await controller.ended;
  return figures;
}

/** How long the controller's server takes for a page, everything that it keeps being old. */
async function answers(
  url: string,
  { path, token }: { path: string; token: string },
): Promise<Figure> {
  const took: number[] = [];
  for (let at = 0; at < ANSWERS; at++) {
    await new Promise((resolve) => setTimeout(resolve, KEPT_MS));
    const from = performance.now();
    await (await fetch(url, { headers: { Authorization: `Bearer ${token}` } })).text();
    took.push(performance.now() - from);
  }
  const name = `${path} with ${JOBS} jobs: answered by the server`;
  return figure({ name, unit: "ms", target: "" }, took);
}

/** Loads a page again and again, with nothing kept from before. */
async function paints(
  page: BrowserPage,
  { url, path, runs }: { url: string; path: string; runs: number },
): Promise<Figure[]> {
  const [painted, bytes, sent]: [number[], number[], number[]] = [[], [], []];
  await page.call("Network.enable", {});
  await page.call("Network.setCacheDisabled", { cacheDisabled: true });
  for (let run = 0; run < Math.max(5, runs); run++) {
    await page.go(`${url}${path}`);
    await page.until(
      `performance.getEntriesByName("first-contentful-paint").length > 0 &&
        document.querySelector("#live-state").textContent === "Live"`,
      UP_MS,
    );
    const [paint, decoded, transferred] = await page.evaluate<[number, number, number]>(`(() => {
      const all = [...performance.getEntriesByType("resource"),
        ...performance.getEntriesByType("navigation")]
        .filter(({ name }) => !name.includes("/dashboard/live"));
      const sum = (of) => all.reduce((total, entry) => total + of(entry), 0);
      return [performance.getEntriesByName("first-contentful-paint")[0].startTime,
        sum((one) => one.decodedBodySize), sum((one) => one.transferSize)];
    })()`);
    painted.push(paint);
    bytes.push(decoded / 1_000);
    sent.push(transferred / 1_000);
  }
  await page.call("Network.setCacheDisabled", { cacheDisabled: false });
  const of = `${path} with ${JOBS} jobs`;
  const weight = { unit: "kB", target: path === "/" ? "< 150 kB" : "" };
  return [
    figure({ name: `${of}: first paint`, unit: "ms", target: "< 300 ms" }, painted),
    figure({ name: `${of}: weight, unpacked`, ...weight }, bytes),
    figure({ name: `${of}: weight, as sent`, ...weight }, sent),
  ];
}

/** Submits jobs and waits until each is on the page. */
async function changes(
  page: BrowserPage,
  { url, client }: { url: string; client: IrisClient },
): Promise<Figure> {
  const late: number[] = [];
  await page.go(`${url}/jobs`);
  await page.until(`document.querySelector("#live-state").textContent === "Live"`, UP_MS);
  for (let at = 0; at < CHANGES; at++) {
    const from = performance.now();
    await client.submit({ argv: ["true"], name: `late-${at}` });
    await page.until(`document.querySelector("tbody tr a").textContent === "/u/late-${at}"`, UP_MS);
    late.push(performance.now() - from);
  }
  return figure(
    { name: "a job from its submit to the page", unit: "ms", target: "< 1,000 ms" },
    late,
  );
}
