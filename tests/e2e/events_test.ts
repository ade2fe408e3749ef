/** The stream of events over the death of a controller: each change once, in order, none left out. */
import { assert, assertEquals } from "@std/assert";
import { IrisClient } from "../../src/client/iris_client.ts";
import type { EventView } from "../../src/wire/api.ts";
import { makeWorld, startIris, type World } from "../support/iris_process.ts";

const WITHIN_MS = 30_000;

async function startController(world: World, port: number) {
  const process = startIris(world, [
    ...["--mode=controller", `--port=${port}`, `--state-dir=${world.stateDir}`],
  ]);
  const [url] = await process.printed(/http:\/\/127\.0\.0\.1:\d+/, 20_000);
  return { process, url };
}

Deno.test("a follower of events hears each change once over two restarts of the controller", async () => {
  using world = makeWorld();
  let controller = await startController(world, 0);
  const { url } = controller;
  const port = Number(new URL(url).port);
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  const client = new IrisClient({ url, token, user: "u" });
  const leave = new AbortController();
  const seen: EventView[] = [];
  let came = Promise.withResolvers<void>();
  const following = (async () => {
    for await (const event of client.events({ after: "oldest", signal: leave.signal })) {
      seen.push(event);
      came.resolve();
      came = Promise.withResolvers();
    }
  })();
  const giveUp = setTimeout(() => leave.abort(), WITHIN_MS);
  const heardOf = async (name: string) => {
    while (!leave.signal.aborted && !seen.some(({ job }) => job === name)) {
      await Promise.race([came.promise, following]);
    }
    assert(!leave.signal.aborted, `nothing of ${name} within ${WITHIN_MS} ms`);
  };
  await client.submit({ argv: ["true"], name: "a" });
  await heardOf("/u/a");
  for (const name of ["b", "c"]) {
    // What is acknowledged just before the end is told after it.
    await client.submit({ argv: ["true"], name: `${name}1` });
    Deno.kill(controller.process.pid, "SIGKILL");
    await controller.process.ended;
    controller = await startController(world, port);
    await client.submit({ argv: ["true"], name: `${name}2` });
    await heardOf(`/u/${name}2`);
  }
  leave.abort();
  clearTimeout(giveUp);
  await following;

  const all = (await client.eventPage({ after: "oldest", limit: 1_000 })).events;
  assertEquals(seen, all.slice(0, seen.length));
  const kinds = ["cluster_started", "job_submitted"];
  assertEquals(
    seen.filter(({ kind }) => kinds.includes(kind)).map(({ kind, job }) => job ?? kind),
    [
      ...["cluster_started", "/u/a", "/u/b1", "cluster_started", "/u/b2"],
      ...["/u/c1", "cluster_started", "/u/c2"],
    ],
  );
  const middle = seen[3]!.cursor;
  const page = await client.eventPage({ after: middle, limit: 1_000 });
  assertEquals(page.events[0], seen[4], "a cursor of an earlier life goes on where it was");
  Deno.kill(controller.process.pid, "SIGTERM");
  assertEquals((await controller.process.ended).code, 0);
  assertEquals(world.survivors(), []);
});
