import { assertEquals, assertMatch } from "@std/assert";
import { ManagerBook } from "../../src/controller/manager_book.ts";
import type { Fleet } from "../../src/vm/fleet.ts";
import { leftBy } from "../../src/cli/parts/managers_part.ts";
import { ManualClock } from "../fakes/manual_clock.ts";
import { scaleGroup } from "../fakes/scale_groups.ts";

function fleet(vms: readonly string[], min = 0): Fleet {
  const of = { sinceMs: 1, reason: "", phase: "", state: "READY" } as const;
  return {
    ...{ type: "fleet", ended: [] },
    groups: [{
      ...scaleGroup({ name: "cpu", min }),
      provider: "slurm",
      availability: { state: "ok", untilMs: null, reason: "" },
      slices: vms.map((vm, at) => ({
        ...{ slice: vm, createdMs: 1, externalId: at === 0 ? "17" : null },
        vms: [{ ...of, vm }],
      })),
    }],
  };
}

/** A book on disk, and the one that the next controller opens. */
async function books(
  test: (world: {
    book: ManagerBook;
    clock: ManualClock;
    file: string;
    next(): ManagerBook;
  }) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "iris-managers-" });
  const file = `${folder}/vm-managers.json`;
  const clock = new ManualClock();
  try {
    const next = () => new ManagerBook(file, clock);
    await test({ book: next(), clock, file, next });
    assertEquals(clock.timers, 0);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a name is on disk at once, and what it has soon after it said so", () =>
  books(async ({ book, clock, next }) => {
    book.attached("rack");
    const heardMs = clock.wall();
    assertEquals(next().all(), [{ name: "rack", vms: null, keeps: true, heardMs }]);
    await clock.advance(500);
    book.said("rack", fleet(["cpu-0", "cpu-1"]));
    await clock.advance(1_000);
    const vms = [{ vm: "cpu-0", where: "slurm 17" }, { vm: "cpu-1", where: "slurm" }];
    const known = { name: "rack", vms, keeps: false, heardMs: heardMs + 500 };
    assertEquals(next().all(), [known]);
    // A controller that begins anew keeps what was said until it hears otherwise.
    const later = next();
    later.attached("rack");
    assertEquals(next().get("rack")?.vms, vms);
    book.said("rack", fleet([]));
    book.close();
    assertEquals(next().get("rack")?.vms, []);
  }));

Deno.test("who ended and had nothing is struck off; who may have something is not", () =>
  books(async ({ book, clock, next }) => {
    for (const name of ["empty", "keeps", "had", "mute"]) book.attached(name);
    book.said("empty", fleet([]));
    book.said("keeps", fleet([], 1));
    book.said("had", fleet(["cpu-0"]));
    for (const name of ["empty", "keeps", "had", "mute", "unknown"]) book.left(name, false);
    assertEquals(next().all().map(({ name }) => name), ["keeps", "had", "mute"]);
    for (const name of ["keeps", "had", "mute"]) book.left(name, true);
    assertEquals(next().all().map(({ name }) => name), ["had", "mute"]);
    await clock.advance(0);
  }));

Deno.test("a book that cannot be read or written keeps nobody from working", () =>
  books(async ({ book, clock, file, next }) => {
    for (const text of ["", "{}", '{"managers":[{"name":3}]}']) {
      Deno.writeTextFileSync(file, text);
      assertEquals(next().all(), [], text);
    }
    const folder = `${file}.folder`;
    const nowhere = new ManagerBook(`${folder}/book.json`, clock);
    nowhere.attached("rack");
    nowhere.said("rack", fleet(["cpu-0"]));
    Deno.mkdirSync(folder);
    await clock.advance(1_000);
    assertEquals(new ManagerBook(`${folder}/book.json`, clock).all(), nowhere.all());
    book.close();
  }));

Deno.test("what a stop could not reach is named with its VMs, not more than a few, and what to do", () => {
  const silent = { manager: "rack", report: null, silentSinceMs: 0 };
  const vms = Array.from({ length: 12 }, (_, at) => ({ vm: `cpu-${at}`, where: "slurm 7" }));
  assertMatch(
    leftBy({ ...silent, vms }),
    /not heard since 1970-01-01T00:00:00.000Z; these VMs may go on: cpu-0 \(slurm 7\), .*cpu-9 \(slurm 7\), and 2 more: start it again/,
  );
  assertMatch(leftBy({ ...silent, vms: null }), /; what it has is not known: start it again/);
  assertMatch(leftBy({ ...silent, vms: [] }), /; it had no VM then: start it again/);
  const heard = { ...silent, silentSinceMs: null };
  assertMatch(leftBy({ ...heard, vms: [] }), /did not say how it stopped: see last-stop.json/);
  assertMatch(leftBy({ ...heard, vms }), /stopped; these VMs may go on: .*: see last-stop.json/);
});
