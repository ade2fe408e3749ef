import { assertEquals, assertMatch } from "@std/assert";
import { versionLine } from "../../src/cli/commands/version_command.ts";
import { BUILD_KIND, selfCommand, singleFile } from "../../src/host/self_command.ts";
import { makeWorld, startIris } from "../support/iris_process.ts";

Deno.test("a version in a line names version, commit, kind and Deno", () => {
  const facts = { iris: "1.2.3", commit: "abc", kind: "compiled", deno: "2.0.0" } as const;
  const more = { target: "t", file: null };
  assertEquals(versionLine({ ...facts, ...more }), "iris 1.2.3 (abc, compiled, deno 2.0.0)");
  assertEquals(
    versionLine({ ...facts, ...more, commit: null }),
    "iris 1.2.3 (unknown commit, compiled, deno 2.0.0)",
  );
});

Deno.test("from a checkout the version has the commit that is checked out, and no single file", async () => {
  using world = makeWorld();
  const version = startIris(world, ["version", "--json"]);
  assertEquals((await version.ended).code, 0);
  const facts = JSON.parse(version.output().stdout);
  assertEquals([facts.kind, facts.file, facts.deno], ["source", null, Deno.version.deno]);
  assertEquals(facts.target, Deno.build.target);
  // What was unpacked from an archive has no commit to tell.
  assertMatch(facts.commit ?? "0000000", /^[0-9a-f]{7,40}(-dirty)?$/);
});

Deno.test("sources run themselves by deno run, whatever the environment says about a file", () => {
  assertEquals(BUILD_KIND, "source");
  Deno.env.set("IRIS_SINGLE_FILE", "/elsewhere/iris");
  try {
    assertEquals(singleFile(), null);
  } finally {
    Deno.env.delete("IRIS_SINGLE_FILE");
  }
  const command = selfCommand(["--frozen"]);
  assertEquals(command.slice(0, 3), [Deno.execPath(), "run", "-A"]);
  assertMatch(command.at(-1)!, /\/main\.ts$/);
});
