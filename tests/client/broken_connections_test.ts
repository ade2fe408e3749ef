/** The client over connections that break: one job for one submit, nothing lost, nothing twice. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionError } from "../../src/client/mod.ts";
import { withIris } from "../support/client_world.ts";
import { CuttingProxy } from "../support/cutting_proxy.ts";
import { inGate } from "../support/require.ts";

const portOf = (url: string) => Number(new URL(url).port);

Deno.test("a submit whose answers are lost is one job all the same", () =>
  withIris(async ({ iris, connect, url }) => {
    await using proxy = new CuttingProxy(portOf(url));
    const shaky = await connect({ controller: proxy.url });
    proxy.loseAnswers = 3;
    const job = await shaky.submit({ argv: ["true"], cpuMilli: 10 });
    assertEquals(proxy.lost, 3, "the test lost answers");
    assertEquals((await job.wait()).state, "SUCCEEDED");
    assertEquals((await iris.jobs()).map(({ generation }) => generation), [job.generation]);
    // A submit that is named twice by its caller, as by a program that was started again.
    const request = { argv: ["true"], name: "nightly", cpuMilli: 10 };
    proxy.loseAnswers = 1;
    const [first, second] = [
      await shaky.submit(request, { key: "nightly-1" }),
      await shaky.submit(request, { key: "nightly-1" }),
    ];
    assertEquals([second.generation, proxy.lost], [first.generation, 4]);
    await first.wait();
    assertEquals((await iris.jobs()).length, 2);
  }));

Deno.test(
  "a map whose answers are lost runs each input once",
  inGate(),
  () =>
    withIris(async ({ connect, url, world }) => {
      await using proxy = new CuttingProxy(portOf(url));
      const shaky = await connect({ controller: proxy.url });
      const script = 'echo "$IRIS_ENTRY" >>"$0"; echo "$IRIS_ENTRY" >"$IRIS_RESULT_FILE"';
      const argv = ["sh", "-c", script, `${world.dir}/ran`];
      const results: number[] = [];
      for await (const n of shaky.map<number>([1, 2, 3, 4], { argv, batch: 1, cpuMilli: 10 })) {
        results.push(n);
        proxy.loseAnswers = 2;
      }
      assertEquals(results, [1, 2, 3, 4]);
      const ran = Deno.readTextFileSync(`${world.dir}/ran`).trim().split("\n");
      assertEquals(ran.sort(), ["1", "2", "3", "4"]);
      assert(proxy.lost >= 6, `only ${proxy.lost} answers were lost`);
    }),
);

Deno.test("lines and events come once each over connections that are cut, and a wait goes on", () =>
  withIris(async ({ connect, url, world }) => {
    await using proxy = new CuttingProxy(portOf(url));
    const shaky = await connect({ controller: proxy.url });
    const stop = `${world.dir}/stop`;
    const script = 'i=0; while [ ! -e "$0" ]; do echo "line $i"; i=$((i+1)); sleep 0.02; done';
    const job = await shaky.submit({ argv: ["sh", "-c", script, stop], cpuMilli: 10 });
    const cursors: string[] = [];
    const events = (async () => {
      for await (const { cursor } of job.events()) cursors.push(cursor);
    })();
    const waiting = job.wait();
    // owner: this test, which awaits both at its end; an assertion before that is to be the one told.
    for (const one of [events, waiting]) one.catch(() => {});
    const lines: string[] = [];
    let cuts = 0;
    for await (const { text } of job.lines({ follow: true })) {
      lines.push(text);
      if (cuts < 5 && lines.length % 7 === 3 && proxy.cut() > 0) {
        cuts++;
        proxy.refuses = true;
        setTimeout(() => proxy.refuses = false, 150);
      }
      if (cuts === 5 && lines.length > 60) Deno.writeTextFileSync(stop, "");
    }
    assertEquals(lines, lines.map((_, i) => `line ${i}`));
    assertEquals((await waiting).state, "SUCCEEDED");
    await events;
    assertEquals(cursors, [...new Set(cursors)]);
    assert(cursors.length >= 4 && proxy.refused > 0, `${cursors.length}, ${proxy.refused}`);
  }));

Deno.test(
  "who never comes back is given up after the time that was said",
  inGate(),
  () =>
    withIris(async ({ connect, url }) => {
      await using proxy = new CuttingProxy(portOf(url));
      const shaky = await connect({ controller: proxy.url, giveUpMs: 400 });
      const job = await shaky.submit({ argv: ["sleep", "600"], cpuMilli: 10 });
      const streams = [job.wait(), job.lines({ follow: true }).toArray(), job.events().toArray()];
      const ends = streams.map((one) => assertRejects(() => one, ConnectionError));
      proxy.refuses = true;
      const from = performance.now();
      // Waits are cut until all of them have noticed.
      const cutting = setInterval(() => proxy.cut(), 20);
      const codes = (await Promise.all(ends)).map(({ code }) => code);
      clearInterval(cutting);
      assertEquals(codes, ["unavailable", "unavailable", "unavailable"]);
      const tookMs = performance.now() - from;
      assert(tookMs > 390 && tookMs < 6_000, `given up after ${tookMs} ms`);
      proxy.refuses = false;
      await job.stop();
    }),
);
