import { assertEquals, assertNotEquals } from "@std/assert";
import { ROTATE_BYTES, Slots } from "../../../src/worker/keeper/slots.ts";

function withSlots(fn: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "iris-slots-" });
  try {
    fn(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a slot is another's only once it was given back, and goes on where it was", () => {
  withSlots((folder) => {
    const slots = new Slots(folder);
    const [first, second] = [slots.take(), slots.take()];
    assertNotEquals(first.slot.number, second.slot.number);
    Deno.writeTextFileSync(first.slot.outPath, "abc", { append: true });
    assertEquals(slots.sizes(first.slot), { out: 3, err: 0 });
    slots.give(first.slot);
    const third = slots.take();
    assertEquals([third.slot.number, third.outFrom, third.errFrom], [first.slot.number, 3, 0]);
    slots.close();
  });
});

Deno.test("a slot begins new files once one is long, and no keeper uses another's names", () => {
  withSlots((folder) => {
    const slots = new Slots(folder);
    const { slot } = slots.take();
    Deno.truncateSync(slot.errPath, ROTATE_BYTES + 1);
    slots.sizes(slot);
    slots.give(slot);
    const next = slots.take();
    assertEquals([next.slot.rotation, next.outFrom, next.errFrom], [1, 0, 0]);
    slots.close();
    const later = new Slots(folder);
    assertEquals(later.take().slot.rotation, 2);
    later.close();
  });
});
