import { assert, assertEquals } from "@std/assert";
import { endOf, type TaskEnd } from "../../src/client/mod.ts";
import { END_CAUSES, type EndCause } from "../../src/wire/reconcile.ts";

const end = (endCause: EndCause | null, exitCode: number | null, detail: string | null = null) =>
  endOf({ endCause, exitCode, detail });

/** The compiler sees that no cause is forgotten. */
function kindOf(end: TaskEnd): string {
  switch (end.cause) {
    case "exit":
      return `code ${end.code}`;
    case "signal":
      return end.signal;
    case "timeout":
    case "oom":
    case "disk":
      return "limit";
    case "cancelled":
    case "preempted":
    case "gang":
      return "stopped";
    case "launch_error":
    case "unschedulable":
      return "not started";
    case "worker_lost":
    case "missing":
    case "unknown":
      return "lost";
    default:
      return end satisfies never;
  }
}

Deno.test("every cause of an end is one of the union, with a line for a person", () => {
  for (const cause of END_CAUSES) {
    const found = end(cause, 129, "told");
    assert(found !== null && found.cause === cause);
    assert(kindOf(found) !== undefined && found.text.endsWith(": told"), found.text);
    assertEquals(found.detail, "told");
  }
  assertEquals(end(null, null), null);
});

Deno.test("an exit has its code, and a signal the name that it has on Linux", () => {
  assertEquals(kindOf(end("exit", 7)!), "code 7");
  assertEquals(end("exit", 0)!.text, "exit code 0");
  for (const [code, name] of [[137, "SIGKILL"], [139, "SIGSEGV"], [143, "SIGTERM"]] as const) {
    assertEquals(kindOf(end("signal", code)!), name);
  }
  assertEquals([kindOf(end("signal", 159)!), kindOf(end("signal", 192)!)], [
    ...["SIGSYS", "signal 64"],
  ]);
});
