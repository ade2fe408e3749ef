import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import type { Owner } from "../../src/lifecycle/owner.ts";
import type { Part } from "../../src/lifecycle/part.ts";
import { EXEC_FRAME, execFrame, frameText } from "../../src/wire/exec.ts";
import { ExecBridges } from "../../src/worker/exec_bridge.ts";
import { SideConnection } from "../../src/worker/keeper/side_connection.ts";

/** A client's end of a socket, whose messages come when the test says so. */
class FakeSocket extends EventTarget {
  readonly readyState = WebSocket.OPEN;
  readonly bufferedAmount = 0;
  onmessage: ((event: { data: unknown }) => void) | null = null;

  type(text: string): void {
    this.onmessage?.({ data: execFrame(EXEC_FRAME.stdin, text).buffer });
  }

  send(): void {}

  close(): void {
    this.dispatchEvent(new Event("close"));
  }
}

Deno.test("what a client types while its command becomes a part is passed on in order", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-bridge-" });
  const path = `${folder}/side.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const socket = new FakeSocket();
  const ended = Promise.withResolvers<void>();
  const owned: Part[] = [];
  const owner = {
    own: async (part: Part) => {
      owned.push(part);
      await part.start?.(
        { ended: () => ended.resolve() } as Parameters<
          NonNullable<Part["start"]>
        >[0],
      );
      // It pumps by now, and whoever waits for it to be owned has not gone on.
      socket.type("3");
    },
  } as unknown as Owner;
  try {
    const bridges = new ExecBridges({ owner, clock: systemClock, socketPath: path });
    bridges.take(socket as unknown as WebSocket);
    const request = {
      generation: 1,
      index: 0,
      attempt: 0,
      argv: ["sh"],
      terminal: null,
      term: null,
    };
    socket.onmessage?.({ data: JSON.stringify(request) });
    socket.type("1");
    socket.type("2");
    const keeper = new SideConnection(await listener.accept());
    const frames: string[] = [];
    await keeper.read((frame) => {
      // The first is the request.
      frames.push(frames.length === 0 ? "request" : frameText(frame));
      if (frames.length === 4) keeper.close();
    });
    assertEquals(frames, ["request", "1", "2", "3"]);
    await ended.promise;
  } finally {
    for (const part of owned) {
      await part.release?.();
    }
    listener.close();
    Deno.removeSync(folder, { recursive: true });
  }
});
