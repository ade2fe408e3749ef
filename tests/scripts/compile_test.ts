import { assert, assertEquals, assertMatch } from "@std/assert";
import { compileIris } from "../../scripts/compile.ts";
import { reasonOf, runProgram } from "../../scripts/compile/run.ts";
import { hexHash } from "../../scripts/compile/self_extracting.ts";
import { ROOT } from "../../scripts/lint/place.ts";
import { inGate } from "../support/require.ts";

const BUILD_MS = 120_000;

function compile(...args: string[]) {
  const argv = [Deno.execPath(), "run", "-A", "-q", `${ROOT}/scripts/compile.ts`, ...args];
  return runProgram(argv, { cwd: ROOT, limitMs: BUILD_MS });
}

Deno.test("a mistake in what compile is told is one line, and nothing is made", async () => {
  const folder = Deno.makeTempDirSync();
  const out = `${folder}/out`;
  const said = async (...args: string[]) => {
    const { code, err } = await compile(...args, "--out", out);
    assertEquals(code, 1);
    return err;
  };
  assertEquals(
    await said("--kind=exe"),
    "compile: --kind is one of auto, compiled, self-extracting\n",
  );
  assertEquals(
    await said("--target=sparc"),
    "compile: there is no file for sparc, only for x86_64-unknown-linux-gnu, " +
      "aarch64-unknown-linux-gnu\n",
  );
  assertEquals(
    await said("--tarket"),
    "compile: there is no --tarket (--help says what there is)\n",
  );
  assertEquals([...Deno.readDirSync(folder)], []);
  Deno.removeSync(folder);
});

Deno.test("a program that does not end in its time is killed, and that is its reason", async () => {
  const { code, err } = await runProgram(["sleep", "60"], { cwd: "/", limitMs: 20 });
  assertEquals([code, reasonOf(err)], [137, "no end within 0.02 s"]);
  // What it started goes too, or its pipes would be read for as long as that lives.
  const begun = performance.now();
  const script = ["sh", "-c", "sleep 20; :"];
  assertEquals((await runProgram(script, { cwd: "/", limitMs: 500 })).code, 137);
  assert(performance.now() - begun < 15_000);
});

Deno.test({
  name: "where deno compile makes nothing that runs, the other kind is made, and that is said",
  ...inGate(),
  async fn() {
    const out = Deno.makeTempDirSync();
    // Deno itself is no base, but embeds like one: so it is where the real one cannot be had.
    Deno.env.set("DENORT_BIN", Deno.execPath());
    try {
      Deno.mkdirSync(`${out}/.work-4194305-left/source`, { recursive: true });
      const lines: string[] = [];
      const made = await compileIris({ kind: "auto", out, say: (line) => lines.push(line) });
      assertEquals([made.kind, made.file], ["self-extracting", `${out}/iris`]);
      assertEquals(lines.length, 1);
      assertEquals([...Deno.readDirSync(out)].filter(({ isDirectory }) => isDirectory), []);
      assertMatch(
        lines[0]!,
        /^compile: the base of deno compile .* making a file that unpacks itself$/,
      );
      const { code, err } = await compile("--kind=compiled", `--out=${out}/other`);
      assertEquals(code, 1);
      assertMatch(
        err,
        /^compile: deno compile failed: what it made does not run the program [^\n]*\n$/,
      );
      assertEquals([...Deno.readDirSync(`${out}/other`)], []);

      const sums = Deno.readTextFileSync(`${out}/SHA256SUMS`);
      const names = [...Deno.readDirSync(out)].filter(({ isFile }) => isFile).map(({ name }) =>
        name
      );
      assertEquals(sums.trim().split("\n").length, names.length - 1);
      for (const line of sums.trim().split("\n")) {
        const [hash, name] = line.split("  ");
        assertEquals(hash, await hexHash(Deno.readFileSync(`${out}/${name}`)), name);
      }
      assert(names.includes("iris-worker.service"));
    } finally {
      Deno.env.delete("DENORT_BIN");
      Deno.removeSync(out, { recursive: true });
    }
  },
});
