/**
 * Tests that leak one thing each and must therefore fail. Not matched by the normal pattern of test
 * files: `tests/support/leak_check_test.ts` runs them in a process of their own.
 */
import { systemClock } from "../../../src/base/clock.ts";
import { isolatePart } from "../../../src/lifecycle/isolate.ts";
import { Owner } from "../../../src/lifecycle/owner.ts";
import { type LeakCheck, withLeakCheck } from "../leak_check.ts";

/** Without the sanitizers, so that it is the leak check that notices. */
function canary(name: string, fn: (check: LeakCheck) => Promise<unknown> | unknown): void {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => withLeakCheck(async (check) => void await fn(check), { settleMs: 20 }),
  });
}

const leakedPids: number[] = [];
globalThis.addEventListener("unload", () => {
  for (const pid of leakedPids) Deno.kill(pid, "SIGKILL");
});

canary("nothing", () => {});

canary("thread", () => new Worker("data:text/javascript,", { type: "module" }));

canary("child", () => {
  leakedPids.push(
    new Deno.Command("sleep", { args: ["60"], stdin: "null", stdout: "null" }).spawn().pid,
  );
});

canary("socket", () => Deno.listen({ port: 0, hostname: "127.0.0.1" }));

canary("file", () => Deno.openSync("/etc/hostname"));

canary("folder", () => Deno.makeTempDirSync({ prefix: "iris-forgotten-" }));

Deno.test("isolate", () =>
  // With the sanitizers: they see an isolate that leaked by its stop port.
  withLeakCheck(async (check) => {
    const root = check.owns(Owner.root("root", { clock: systemClock }));
    await root.own(isolatePart({
      name: "core",
      module: new URL("../isolates/obey.ts", import.meta.url),
      config: {},
      startTimeoutMs: 5000,
      stallMs: 1000,
      restart: { limit: 0, windowMs: 1, minBackoffMs: 1, maxBackoffMs: 1 },
    }));
  }, { settleMs: 20 }).catch((error) => console.log(error.message)));

canary("node", async (check) => {
  const root = check.owns(Owner.root("root", { clock: systemClock }));
  await root.own({ name: "forgotten", kind: "component" });
});
