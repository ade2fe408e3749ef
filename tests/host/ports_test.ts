import { assert, assertEquals } from "@std/assert";
import {
  isPortFree,
  listenersInTable,
  listenersOn,
  ourListeners,
  parseListeners,
} from "../../src/host/ports.ts";

Deno.test("a socket of ours is in the kernel's table from listening until it is closed", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = (listener.addr as Deno.NetAddr).port;
  try {
    assertEquals(ourListeners(port), [`127.0.0.1:${port}`]);
    assertEquals(listenersInTable(port).length, 1);
    assertEquals(isPortFree("127.0.0.1", port), false);
  } finally {
    listener.close();
  }
  assertEquals(ourListeners(port), []);
  assertEquals(listenersInTable(port), []);
  assertEquals(isPortFree("127.0.0.1", port), true);
});

Deno.test("of sockets at one port only those that listen count, of either family", async () => {
  using listener = Deno.listen({ hostname: "::1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  using _client = await Deno.connect({ hostname: "::1", port });
  using _served = await listener.accept();
  using _other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertEquals(ourListeners(port), [`[0:0:0:0:0:0:0:1]:${port}`]);
  assertEquals(listenersInTable(port).length, 1);
});

Deno.test("a socket of another process is listed and is not ours", async () => {
  const code = `const l = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    console.log(l.addr.port); await Deno.stdin.read(new Uint8Array(1)); l.close();`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const first = await reader.read();
  const port = Number(new TextDecoder().decode(first.value));
  assertEquals(listenersOn(port)?.length, 1);
  assertEquals(ourListeners(port), []);
  await child.stdin.close();
  while (!(await reader.read()).done);
  assert((await child.status).success);
});

Deno.test("only listening sockets of the table count", () => {
  const table =
    `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
   0: 0100007F:2710 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4242 1 0 100 0 0 10 0
   1: 0100007F:2710 0100007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 4243 1 0 20 4 30 10 -1
`;
  assertEquals(parseListeners(table), [{ local: "0100007F:2710", port: 10_000, inode: "4242" }]);
});
