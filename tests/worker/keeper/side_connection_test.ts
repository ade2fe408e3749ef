import { assertEquals } from "@std/assert";
import { SideConnection } from "../../../src/worker/keeper/side_connection.ts";

/** Both ends of a connection. */
async function pair(test: (ends: [SideConnection, SideConnection]) => Promise<void>) {
  const folder = Deno.makeTempDirSync({ prefix: "iris-side-" });
  const path = `${folder}/s`;
  const listener = Deno.listen({ transport: "unix", path });
  const [near, far] = await Promise.all([
    Deno.connect({ transport: "unix", path }),
    listener.accept(),
  ]);
  const ends: [SideConnection, SideConnection] = [
    new SideConnection(near),
    new SideConnection(far),
  ];
  try {
    await test(ends);
  } finally {
    for (const end of ends) end.close();
    listener.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("frames arrive whole and in order, however large and however many at once", async () => {
  await pair(async ([near, far]) => {
    const sizes = [0, 1, 5, 70_000, 3, 1_000_000];
    for (const size of sizes) near.send(new Uint8Array(size).fill(size & 0xff));
    const heard: number[] = [];
    const reading = far.read((frame) => {
      heard.push(frame.length);
      assertEquals(frame.every((byte) => byte === (frame.length & 0xff)), true);
      if (heard.length === sizes.length) far.close();
    });
    await reading;
    assertEquals(heard, sizes);
    assertEquals(near.waitingBytes, 0);
  });
});

Deno.test("the last word is heard though something was sent to who had left by then", async () => {
  await pair(async ([near, far]) => {
    far.sendJson("bye");
    await far.flushed();
    far.close();
    near.send(new Uint8Array(10));
    await near.flushed();
    near.send(new Uint8Array(10));
    await near.flushed();
    const heard: string[] = [];
    await near.read((frame) => heard.push(new TextDecoder().decode(frame)));
    assertEquals(heard, ['"bye"']);
    assertEquals(near.waitingBytes, 0);
  });
});

Deno.test("what is sent while a write is under way leaves too", async () => {
  await pair(async ([near, far]) => {
    let heard = 0;
    const reading = far.read(() => {
      if (++heard === 200) far.close();
    });
    for (let sent = 0; sent < 200; sent++) {
      near.send(new Uint8Array(1_000));
      if (sent % 7 === 0) await near.flushed();
      if (sent % 3 === 0) await Promise.resolve();
    }
    await near.flushed();
    await reading;
    assertEquals(heard, 200);
  });
});
