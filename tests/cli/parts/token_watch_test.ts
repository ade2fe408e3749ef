import { assertEquals } from "@std/assert";
import { tokenWatch } from "../../../src/cli/parts/token_watch.ts";
import { Owner } from "../../../src/lifecycle/owner.ts";
import { ManualClock } from "../../fakes/manual_clock.ts";

Deno.test("another token in the file is told once; one that cannot be read changes nothing", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-token-" });
  const file = `${folder}/token`;
  const clock = new ManualClock();
  const owner = Owner.root("test", { clock });
  const told: string[] = [];
  Deno.writeTextFileSync(file, "one\n");
  await owner.own(tokenWatch(file, { token: "one", onChange: (token) => told.push(token) }));
  await clock.advance(20_000);
  Deno.writeTextFileSync(file, "");
  await clock.advance(20_000);
  assertEquals(told, []);
  Deno.writeTextFileSync(file, "two\n");
  await clock.advance(20_000);
  Deno.removeSync(file);
  await clock.advance(20_000);
  assertEquals(told, ["two"]);
  await owner.stop(1_000, "shutdown");
  assertEquals(clock.timers, 0);
  Deno.removeSync(folder, { recursive: true });
});
