import { assert, assertEquals, assertRejects } from "@std/assert";
import { inGate, needs } from "../require.ts";
import { canMakeNetworks, type Host, makeNetwork } from "./hosts.ts";

const networks = await needs(
  "network namespaces and TAP devices (root, iproute2, gcc, util-linux)",
  canMakeNetworks,
);

const LISTEN = `
const listener = Deno.listen({ hostname: "0.0.0.0", port: 7777 });
console.log("up");
for await (const connection of listener) { await connection.write(new Uint8Array([1])); connection.close(); }
`;
const CALL = `
const from = performance.now();
const connection = await Deno.connect({ hostname: Deno.args[0], port: 7777 });
await connection.read(new Uint8Array(1));
console.log(performance.now() - from);
`;

async function on(host: Host, code: string, ...args: string[]) {
  const [command = "", ...rest] = [...host.command, Deno.execPath(), "eval", code, ...args];
  const { code: exit, stdout } = await new Deno.Command(command, { args: rest, stderr: "null" })
    .output();
  if (exit !== 0) throw new Error(`exit code ${exit}`);
  return Number(new TextDecoder().decode(stdout));
}

Deno.test({
  name: "hosts reach each other as far, as late and as surely as they are told to",
  ...inGate(networks),
  async fn() {
    await using network = await makeNetwork(2);
    const [a, b] = network.hosts as [Host, Host];
    const [command = "", ...args] = [...b.command, Deno.execPath(), "eval", LISTEN];
    const server = new Deno.Command(command, { args, stdout: "piped" }).spawn();
    const reader = server.stdout.getReader();
    await reader.read();
    assert(await on(a, CALL, b.address) < 100);
    await network.between({ delayMs: 100 });
    // There and back for the connection, and back again for the byte.
    const late = await on(a, CALL, b.address);
    assert(late >= 200, `${late} ms`);
    await network.between({ lossPermille: 100 });
    for (let n = 0; n < 3; n++) await on(a, CALL, b.address);
    await network.between({});
    await network.way(b, a, { cut: true });
    const silent = on(a, CALL, b.address);
    await network.way(b, a, {});
    assert(await silent >= 0, "what was lost is sent again once the cut is over");
    assertEquals(b.pids(), [server.pid]);
    await b.vanish();
    assertEquals(b.pids(), []);
    await reader.cancel();
    await server.status;
    await network.between({});
    await assertRejects(() => on(a, CALL, b.address));
  },
});
