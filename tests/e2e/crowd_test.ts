/** More than anybody should send, at once. */
import { assert, assertEquals } from "@std/assert";
import { clientOf, makeWorld, startIris } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";

const SUBMITS = 10_000;

Deno.test(
  "10,000 submits at once and a body of 100 MB leave the controller up and nothing lost",
  inGate(),
  async () => {
    using world = makeWorld();
    const process = startIris(world, [
      ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
    ]);
    const client = await clientOf(world, process);
    const outcomes = await Promise.allSettled(
      Array.from({ length: SUBMITS }, (_, n) => client.submit({ argv: ["true"], name: `j${n}` })),
    );
    const taken = outcomes.filter(({ status }) => status === "fulfilled").length;
    const refusals = outcomes.flatMap((one) =>
      one.status === "rejected" ? [String(one.reason?.code)] : []
    );
    // What could not be served in time says so; nothing else is wrong.
    assert(refusals.every((code) => code === "unavailable" || code === "timeout"), refusals[0]);
    assert(taken > SUBMITS / 2, `only ${taken} were taken`);
    for (const n of [0, SUBMITS - 1]) {
      if (outcomes[n]!.status === "fulfilled") {
        assertEquals((await client.job(`/local/j${n}`)).state, "PENDING");
      }
    }

    const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
    const [, url] = process.output().stdout.match(/(http:\S+)/)!;
    const huge = await fetch(`${url}/api/v1/jobs`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body: new Uint8Array(100 * 1024 * 1024),
    }).catch((error) => error as Error);
    if (huge instanceof Response) {
      assertEquals(huge.status, 413);
      assertEquals((await huge.json()).error.field, "body");
    }
    const health = await fetch(`${url}/healthz`);
    assertEquals(health.status, 200, await health.text());
    Deno.kill(process.pid, "SIGTERM");
    assertEquals((await process.ended).code, 0);
  },
);
