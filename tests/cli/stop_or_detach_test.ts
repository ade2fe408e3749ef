import { assertEquals } from "@std/assert";
import type { CliContext } from "../../src/cli/context.ts";
import { StopOrDetach } from "../../src/cli/stop_or_detach.ts";
import { FakeClock } from "../fakes/fake_clock.ts";

type Signal = "SIGINT" | "SIGTERM";

/** One that hears signals of the test's own, with what it decided. */
function started(ownsJobs: boolean) {
  const clock = new FakeClock();
  let signalled: (signal: Signal) => void = () => {};
  const context = { env: () => undefined, err: () => {} } as unknown as CliContext;
  const interrupt = new StopOrDetach(context, {
    ...{ ownsJobs, clock },
    listen: (callback) => {
      signalled = callback;
      return () => {};
    },
  });
  return {
    interrupt,
    clock,
    signal: (signal: Signal) => signalled(signal),
    decided: () => ({ stop: interrupt.stop.aborted, leave: interrupt.leave.aborted }),
  };
}

Deno.test("SIGTERM stops the jobs without a question, and a Ctrl-C after it leaves", async () => {
  const { interrupt, signal, decided } = started(true);
  await using _ = interrupt;
  interrupt.begin(["/ada/a"]);
  signal("SIGTERM");
  assertEquals(decided(), { stop: true, leave: false });
  signal("SIGINT");
  assertEquals(decided(), { stop: true, leave: true });
});

Deno.test("a Ctrl-C that comes twice at once, as under npx, is one", async () => {
  const { interrupt, clock, signal, decided } = started(true);
  await using _ = interrupt;
  signal("SIGINT");
  interrupt.begin(["/ada/a"]);
  signal("SIGINT");
  assertEquals(decided(), { stop: true, leave: false });
  clock.advance(301);
  signal("SIGINT");
  assertEquals(decided(), { stop: true, leave: true });
});

Deno.test("before there are jobs a Ctrl-C gives up, also where none would be stopped", async () => {
  const { interrupt, signal, decided } = started(false);
  await using _ = interrupt;
  signal("SIGINT");
  assertEquals(decided(), { stop: true, leave: false });
});
