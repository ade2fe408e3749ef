import { assertEquals } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { LocalWorkers } from "../../../src/cli/parts/local_workers.ts";
import { PortChannel } from "../../../src/lifecycle/channel.ts";
import { Owner } from "../../../src/lifecycle/owner.ts";
import type { FromLocalOwner, ToLocalOwner } from "../../../src/vm/local/local_messages.ts";

Deno.test("a worker that is to go while it comes up is gone only when it has been stopped", async () => {
  const pair = new MessageChannel();
  const near = new PortChannel<ToLocalOwner, FromLocalOwner>(pair.port1);
  const far = new PortChannel<FromLocalOwner, ToLocalOwner>(pair.port2);
  const said: string[] = [];
  const gone = Promise.withResolvers<void>();
  far.onMessage((message) => {
    said.push(message.type);
    if (message.type === "gone") gone.resolve();
  });
  const begun = Promise.withResolvers<void>();
  const up = Promise.withResolvers<void>();
  const workers = new LocalWorkers({
    channel: near,
    worker: ({ vm }) => ({
      name: vm,
      kind: "component",
      start: () => {
        begun.resolve();
        return up.promise;
      },
      release: () => void said.push("released"),
    }),
  });
  const owner = Owner.root("test", { clock: systemClock });
  await owner.own(workers);
  far.post({ type: "create", vm: "w0", slice: "w0", group: "local" });
  await begun.promise;
  far.post({ type: "delete", vm: "w0", stopMs: 1_000 });
  // Whatever was said by now has arrived when this is answered.
  const synced = Promise.withResolvers<void>();
  far.onMessage((message) => {
    said.push(message.type);
    if (message.type === "existing") synced.resolve();
    if (message.type === "gone") gone.resolve();
  });
  far.post({ type: "sync" });
  await synced.promise;
  assertEquals(said, ["existing"]);
  up.resolve();
  await gone.promise;
  assertEquals([said.toSorted(), said.at(-1)], [["existing", "gone", "ready", "released"], "gone"]);
  await owner.stop(5_000, "shutdown");
  near.close();
  far.close();
});
