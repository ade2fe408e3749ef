import { assertEquals, assertRejects } from "@std/assert";
import { Lines } from "../../../src/worker/keeper/protocol.ts";

/** Two ends of a Unix socket. */
async function pair(): Promise<{ near: Deno.Conn; far: Deno.Conn; close(): void }> {
  const folder = Deno.makeTempDirSync({ prefix: "iris-lines-" });
  const path = `${folder}/s`;
  using listener = Deno.listen({ transport: "unix", path });
  const [near, far] = await Promise.all([
    Deno.connect({ transport: "unix", path }),
    listener.accept(),
  ]);
  return { near, far, close: () => Deno.removeSync(folder, { recursive: true }) };
}

Deno.test("what is said arrives whole and in order, however long", async () => {
  const { near, far, close } = await pair();
  const said = [1, "ä€😀\n".repeat(100_000), { a: [null] }, "last"];
  const lines = new Lines<unknown, unknown>(near);
  const heard: unknown[] = [];
  const reading = new Lines<unknown, unknown>(far).read((message) => heard.push(message));
  for (const message of said) lines.send(message);
  await lines.flushed();
  lines.close();
  await reading;
  assertEquals(heard, said);
  far.close();
  close();
});

Deno.test("a line that is no JSON is an error of whoever reads", async () => {
  const { near, far, close } = await pair();
  const reading = new Lines<unknown, unknown>(far).read(() => {});
  await near.write(new TextEncoder().encode("nonsense\n"));
  await assertRejects(() => reading, SyntaxError);
  near.close();
  far.close();
  close();
});

Deno.test("sending after the end does nothing", async () => {
  const { near, far, close } = await pair();
  const lines = new Lines<unknown, unknown>(near);
  far.close();
  lines.send("into the void");
  await lines.flushed();
  lines.close();
  lines.send("and more");
  await lines.flushed();
  close();
});
