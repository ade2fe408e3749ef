import { assertEquals, assertRejects } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { shareProgram } from "../../../src/vm/slurm/node_program.ts";
import { isNamedBelow } from "../../../src/vm/slurm/slice_folder.ts";

const DAY_MS = 24 * 3_600_000;

/** A shared folder, and versions that are brought there one after the other. */
class Shared implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "iris-share-" });
  readonly cluster = `${this.dir}/iris-c`;
  readonly folder = `${this.cluster}/.programs`;
  nowMs = Date.now();
  #writes = 1;

  readonly #source = { singleFile: `${this.dir}/iris`, otherwise: { command: [], env: {} } };

  /** @param at when the file was written, as it says; each time another when left out */
  async share(text: string, at = this.#writes++): Promise<string> {
    Deno.writeTextFileSync(this.#source.singleFile, text);
    Deno.utimeSync(this.#source.singleFile, at, at);
    const { command } = await shareProgram(
      this.#source,
      {
        folder: this.folder,
        nowMs: this.nowMs,
        isUsed: (path) => isNamedBelow(this.cluster, path),
      },
    );
    return command[0]!;
  }

  slice(name: string, script: string): void {
    Deno.mkdirSync(`${this.cluster}/cpu/${name}`, { recursive: true });
    Deno.writeTextFileSync(`${this.cluster}/cpu/${name}/node.sh`, script);
  }

  get programs(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => `${this.folder}/${name}`).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

Deno.test("programs that no slice has go a day after they were asked for, when another comes", async () => {
  using shared = new Shared();
  const [unused, used] = [await shared.share("one"), await shared.share("two")];
  shared.slice("cpu-0", `exec '${used}' --mode=worker`);
  shared.slice("cpu-1", "");
  Deno.mkdirSync(`${shared.cluster}/cpu/cpu-2`);
  Deno.writeTextFileSync(`${shared.folder}/.new-0123`, "of one that was killed");
  Deno.writeTextFileSync(`${shared.folder}/notes`, "of somebody else");
  const old = new Date(shared.nowMs - 2 * DAY_MS);
  for (const name of [".new-0123", "notes"]) {
    Deno.utimeSync(`${shared.folder}/${name}`, old, old);
  }
  const three = await shared.share("three");
  assertEquals(shared.programs.includes(unused), true);
  shared.nowMs += 2 * DAY_MS;
  // It is asked for again, so it stays.
  assertEquals(await shared.share("three"), three);
  const four = await shared.share("four");
  assertEquals(shared.programs, [`${shared.folder}/notes`, used, three, four].sort());
  Deno.removeSync(`${shared.cluster}/cpu/cpu-0`, { recursive: true });
  shared.nowMs += 2 * DAY_MS;
  const five = await shared.share("five");
  assertEquals(shared.programs, [`${shared.folder}/notes`, five].sort());
});

Deno.test("where slices cannot be looked at no program goes", async () => {
  using shared = new Shared();
  const one = await shared.share("one");
  Deno.writeTextFileSync(`${shared.cluster}/cpu`, "");
  Deno.mkdirSync(`${shared.cluster}/gpu/gpu-0/node.sh`, { recursive: true });
  shared.nowMs += 2 * DAY_MS;
  await shared.share("two");
  assertEquals(shared.programs.includes(one), true);
  const gone = await assertRejects(
    () =>
      shareProgram({ singleFile: `${shared.dir}/none`, otherwise: { command: [], env: {} } }, {
        ...{ folder: shared.folder, nowMs: 0, isUsed: () => false },
      }),
    IrisError,
  );
  assertEquals(gone.code, "unavailable");
});

Deno.test("a file that stays as it is was read once", async () => {
  using shared = new Shared();
  const first = await shared.share("one", 7);
  assertEquals(await shared.share("two", 7), first);
  assertEquals(await shared.share("two", 8) === first, false);
});
