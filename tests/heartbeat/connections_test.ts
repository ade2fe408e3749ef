import { assertEquals, assertRejects } from "@std/assert";
import { WorkerConnections } from "../../src/heartbeat/connections.ts";
import { selfSigned } from "../../src/host/self_signed.ts";
import { FakeClock } from "../fakes/fake_clock.ts";

const NAMES = ["127.0.0.1"];

async function ask(connections: WorkerConnections, url: string, certificate: string | null) {
  return await connections.use(certificate, async (client) => {
    const response = await fetch(url, { client, signal: AbortSignal.timeout(5_000) });
    return await response.text();
  });
}

Deno.test("a worker is believed by the certificate that it told, and by no other", async () => {
  const [identity, other] = [
    await selfSigned(NAMES, Date.now()),
    await selfSigned(NAMES, Date.now()),
  ];
  const listen = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const server = Deno.serve({ ...listen, ...identity }, () => new Response("it is me"));
  const url = `https://127.0.0.1:${server.addr.port}/`;
  const clock = new FakeClock();
  const connections = new WorkerConnections(clock, null);
  try {
    assertEquals(await ask(connections, url, identity.cert), "it is me");
    await assertRejects(() => ask(connections, url, other.cert), TypeError);
    await assertRejects(() => ask(connections, url, null), TypeError);
    assertEquals(connections.size, 3);
    clock.advance(200_000);
    assertEquals(await ask(connections, url, identity.cert), "it is me");
    assertEquals(connections.size, 2, "what was not used for long is closed");
  } finally {
    connections.close();
    await server.shutdown();
  }
});

Deno.test("certificates that are trusted for every worker need not be told", async () => {
  const identity = await selfSigned(NAMES, Date.now());
  const listen = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const server = Deno.serve({ ...listen, ...identity }, () => new Response("it is me"));
  const connections = new WorkerConnections(new FakeClock(), identity.cert);
  try {
    assertEquals(
      await ask(connections, `https://127.0.0.1:${server.addr.port}/`, null),
      "it is me",
    );
  } finally {
    connections.close();
    await server.shutdown();
  }
});
