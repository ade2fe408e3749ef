import { assertEquals } from "@std/assert";
import {
  isLive,
  isTerminal,
  stepVm,
  VM_TRANSITIONS,
  type VmEvent,
  type VmState,
} from "../../src/vm/managed_vm.ts";
import type { VmStateName } from "../../src/wire/vms.ts";

const STATES: Record<VmStateName, VmState> = {
  REQUESTED: { name: "REQUESTED", sinceMs: 1 },
  BOOTING: { name: "BOOTING", sinceMs: 1, externalId: "x" },
  INITIALIZING: { name: "INITIALIZING", sinceMs: 1, externalId: "x" },
  READY: { name: "READY", sinceMs: 1, externalId: "x" },
  UNHEALTHY: { name: "UNHEALTHY", sinceMs: 1, externalId: "x", reason: "r" },
  STOPPING: { name: "STOPPING", sinceMs: 1, externalId: "x", reason: "r" },
  TERMINATED: { name: "TERMINATED", sinceMs: 1, reason: "r" },
  FAILED: { name: "FAILED", sinceMs: 1, reason: "r" },
  PREEMPTED: { name: "PREEMPTED", sinceMs: 1, reason: "r" },
};

const EVENTS: VmEvent[] = [
  { name: "accepted", externalId: "y" },
  { name: "booted" },
  { name: "ready" },
  { name: "unhealthy", reason: "e" },
  { name: "healthy" },
  { name: "stop", reason: "e" },
  { name: "gone", reason: "e" },
  { name: "failed", reason: "e" },
  { name: "preempted", reason: "e" },
];

/** Written out on purpose: a change of the table has to be made twice. */
const EXPECTED: Record<VmStateName, string> = {
  //             accepted booted ready unhealthy healthy stop gone failed preempted
  REQUESTED: "BOOTING INITIALIZING READY - - STOPPING FAILED FAILED PREEMPTED",
  BOOTING: "- INITIALIZING READY - - STOPPING FAILED FAILED PREEMPTED",
  INITIALIZING: "- - READY - - STOPPING FAILED FAILED PREEMPTED",
  READY: "- - - UNHEALTHY - STOPPING FAILED FAILED PREEMPTED",
  UNHEALTHY: "- - READY - READY STOPPING FAILED FAILED PREEMPTED",
  STOPPING: "STOPPING - - - - - TERMINATED TERMINATED TERMINATED",
  TERMINATED: "- - - - - - - - -",
  FAILED: "- - - - - - - - -",
  PREEMPTED: "- - - - - - - - -",
};

for (const [name, row] of Object.entries(EXPECTED)) {
  Deno.test(`from ${name} every event leads where it should`, () => {
    const state = STATES[name as VmStateName];
    const got = EVENTS.map((event) => stepVm(state, event, 9)?.name ?? "-");
    assertEquals(got.join(" "), row);
    assertEquals(Object.keys(VM_TRANSITIONS[state.name]).length, EVENTS.length);
  });
}

Deno.test("a VM ends from every live state, and counts as live until it is to stop", () => {
  for (const state of Object.values(STATES)) {
    if (isTerminal(state)) continue;
    const gone = stepVm(state, { name: "gone", reason: "" }, 2);
    assertEquals(gone !== null && isTerminal(gone), true, state.name);
    assertEquals(isLive(state), state.name !== "STOPPING");
  }
});

Deno.test("the provider's name for a VM is kept as long as it can be deleted", () => {
  let state = stepVm(STATES.REQUESTED, { name: "stop", reason: "too many" }, 5)!;
  assertEquals(state, { name: "STOPPING", sinceMs: 5, externalId: null, reason: "too many" });
  state = stepVm(state, { name: "accepted", externalId: "i-1" }, 6)!;
  assertEquals(state, { name: "STOPPING", sinceMs: 5, externalId: "i-1", reason: "too many" });
  const ready = stepVm(STATES.BOOTING, { name: "ready" }, 7);
  assertEquals(ready, { name: "READY", sinceMs: 7, externalId: "x" });
});
