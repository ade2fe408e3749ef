/** A certificate that is renewed while the controller runs. */
import { assert, assertEquals } from "@std/assert";
import { selfSigned } from "../../src/host/self_signed.ts";
import { httpClient } from "../../src/host/tls.ts";
import { makeWorld, startIris } from "../support/iris_process.ts";

const WITHIN_MS = 30_000;

Deno.test("a certificate that is renewed is shown from SIGHUP on, and what is under way goes on", async () => {
  using world = makeWorld();
  const files = [`${world.dir}/cert.pem`, `${world.dir}/key.pem`] as const;
  const renew = async () => {
    const { cert, key } = await selfSigned(["127.0.0.1", "localhost"], Date.now());
    Deno.writeTextFileSync(files[0], cert);
    Deno.writeTextFileSync(files[1], key);
    return cert;
  };
  const first = await renew();
  const controller = startIris(world, [
    ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
    ...[`--tls-cert=${files[0]}`, `--tls-key=${files[1]}`],
  ]);
  const [url] = await controller.printed(/https:\/\/127\.0\.0\.1:\d+/, WITHIN_MS);
  const Authorization = `Bearer ${Deno.readTextFileSync(`${world.stateDir}/token`).trim()}`;
  const get = async (trust: string, path: string, init: RequestInit = {}) => {
    using client = httpClient([trust], { idleConnections: 0 });
    const signal = AbortSignal.timeout(WITHIN_MS);
    const headers = { Authorization };
    const answer = await fetch(`${url}${path}`, { client, signal, headers, ...init });
    return [answer.status, await answer.text()] as const;
  };
  assertEquals((await get(first, "/api/v1/version"))[0], 200);
  using held = httpClient([first]);
  const following = await fetch(`${url}/api/v1/events?follow=true&after=oldest`, {
    client: held,
    signal: AbortSignal.timeout(WITHIN_MS),
    headers: { Authorization },
  });

  const second = await renew();
  Deno.kill(controller.pid, "SIGHUP");
  const end = performance.now() + WITHIN_MS;
  while (!(await get(second, "/api/v1/version").then(([status]) => status === 200, () => false))) {
    assert(performance.now() < end, controller.output().stderr);
  }
  const refused = await get(first, "/api/v1/version").then(() => "taken", () => "refused");
  assertEquals(refused, "refused", "new connections get the new one alone");
  const job = JSON.stringify({ name: "/u/late", argv: ["true"] });
  assertEquals((await get(second, "/api/v1/jobs", { method: "POST", body: job }))[0], 201);
  const reader = following.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let seen = ""; !seen.includes("/u/late");) {
    const { value, done } = await reader.read();
    assert(!done, "a stream from before goes on");
    seen += value;
  }
  await reader.cancel();

  Deno.writeTextFileSync(files[1], "no key");
  Deno.kill(controller.pid, "SIGHUP");
  await controller.printed(/the certificate of before is shown on/, WITHIN_MS);
  assertEquals((await get(second, "/api/v1/version"))[0], 200);
  Deno.kill(controller.pid, "SIGTERM");
  assertEquals((await controller.ended).code, 0, controller.output().stderr);
});
