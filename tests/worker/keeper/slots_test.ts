import { assertEquals, assertNotEquals } from "@std/assert";
import { ROTATE_BYTES, Slots } from "../../../src/worker/keeper/slots.ts";

const ONE = { generation: 1, index: 0, attempt: 0 };

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
    const [first, second] = [slots.take(ONE), slots.take(ONE)];
    assertNotEquals(first.slot.number, second.slot.number);
    Deno.writeTextFileSync(first.slot.outPath, "abc", { append: true });
    assertEquals(slots.sizes(first.slot), { out: 3, err: 0 });
    slots.give(first.slot);
    const third = slots.take(ONE);
    assertEquals([third.slot.number, third.outFrom, third.errFrom], [first.slot.number, 3, 0]);
    slots.close();
  });
});

Deno.test("a slot begins new files once one is long, and no keeper uses another's names", () => {
  withSlots((folder) => {
    const slots = new Slots(folder);
    const { slot } = slots.take(ONE);
    Deno.truncateSync(slot.errPath, ROTATE_BYTES + 1);
    slots.sizes(slot);
    slots.give(slot);
    const next = slots.take(ONE);
    assertEquals([next.slot.rotation, next.outFrom, next.errFrom], [1, 0, 0]);
    slots.close();
    const later = new Slots(folder);
    assertEquals(later.take(ONE).slot.rotation, 2);
    later.close();
  });
});
