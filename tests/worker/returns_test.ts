import { assert, assertEquals, assertMatch } from "@std/assert";
import { MAX_RESULT_BYTES, parseReturned } from "../../src/wire/returned.ts";
import {
  makeReturnFolder,
  readProgress,
  removeReturns,
  takeReturn,
} from "../../src/worker/returns.ts";
import { needs } from "../support/require.ts";

/** A worker's folder with an attempt's own in it. */
function withFolder(fn: (folder: string, files: { result: string; progress: string }) => void) {
  const folder = Deno.makeTempDirSync({ prefix: "iris-returns-" });
  try {
    const files = Object.fromEntries(
      makeReturnFolder(folder, "1.2.0").map((line) => line.split("=") as [string, string]),
    );
    fn(folder, { result: files.IRIS_RESULT_FILE!, progress: files.IRIS_PROGRESS_FILE! });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("what an attempt handed back is taken once, and its folder goes", () => {
  withFolder((folder, { result, progress }) => {
    Deno.writeTextFileSync(result, '{ "n": 3 }\n');
    Deno.writeTextFileSync(progress, "0.5");
    assertEquals(readProgress(folder, "1.2.0")?.fraction, 0.5);
    const { text, problem } = takeReturn(folder, "1.2.0");
    assertEquals(problem, null);
    assertEquals(parseReturned(text ?? "").result, { n: 3 });
    assertEquals([...Deno.readDirSync(`${folder}/returns`)], []);
    assertEquals(takeReturn(folder, "1.2.0"), { text: null, problem: null });
  });
});

Deno.test("a result that is too large, no JSON, or no plain file is not kept, which is said", () => {
  const cases: [string, (file: string) => void, RegExp][] = [
    ["large", (file) => Deno.writeTextFileSync(file, `"${"x".repeat(MAX_RESULT_BYTES)}"`), /bytes/],
    ["no JSON", (file) => Deno.writeTextFileSync(file, "{"), /no JSON/],
    ["a link", (file) => Deno.symlinkSync("/etc/hostname", file), /no plain file/],
    ["a folder", (file) => Deno.mkdirSync(file), /no plain file/],
  ];
  for (const [name, write, why] of cases) {
    withFolder((folder, { result }) => {
      write(result);
      const { text, problem } = takeReturn(folder, "1.2.0");
      assertEquals(text, null, name);
      assertMatch(problem ?? "", why, name);
    });
  }
});

Deno.test("a progress that makes no sense is none, and does not cost the result", () => {
  withFolder((folder, { result, progress }) => {
    Deno.writeTextFileSync(result, "1");
    Deno.symlinkSync("/dev/zero", progress);
    assertEquals(readProgress(folder, "1.2.0"), null);
    assertEquals(takeReturn(folder, "1.2.0"), { text: '{"result":1}', problem: null });
  });
});

Deno.test("an attempt that took its folder away has handed nothing back", () => {
  withFolder((folder) => {
    Deno.removeSync(`${folder}/returns`, { recursive: true });
    assertEquals(takeReturn(folder, "1.2.0"), { text: null, problem: null });
    removeReturns(folder);
    assert(makeReturnFolder(folder, "1.2.0").length === 2);
  });
});

Deno.test({
  name: "an attempt of another user owns its folder, and can reach it",
  ...await needs("root", () => Deno.uid() === 0),
  fn() {
    const folder = Deno.makeTempDirSync({ prefix: "iris-returns-" });
    try {
      makeReturnFolder(folder, "1.2.0", { uid: 65_534, gid: 65_534 });
      const info = Deno.statSync(`${folder}/returns/1.2.0`);
      assertEquals([info.uid, info.gid, (info.mode ?? 0) & 0o777], [65_534, 65_534, 0o700]);
      assertEquals((Deno.statSync(`${folder}/returns`).mode ?? 0) & 0o777, 0o711);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
