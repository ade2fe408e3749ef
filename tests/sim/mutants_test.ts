/** That the simulator finds bugs: each is planted in a copy of the code, and has to be found there. */
import { pooledMap } from "@std/async";
import { assertEquals } from "@std/assert";
import { memoryFolder } from "./memory_folder.ts";
import { type Mutant, MUTANTS } from "./mutants.ts";
import { inGate } from "../support/require.ts";

const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
/** What a simulation is made of. */
const PARTS = ["src", "tests/sim", "tests/fakes", "deno.json", "deno.lock"];
/** Simulations at most until a bug is found, and how long they may take, in s. */
const SEEDS = 1_500;
const SECONDS = 60;
/** As many as a small machine has cores. */
const AT_ONCE = 2;

async function command(program: string, args: string[], cwd = ROOT): Promise<string> {
  const command = new Deno.Command(program, { args, cwd, stdout: "piped", stderr: "piped" });
  const { stdout, stderr } = await command.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** What is wrong with the simulator when this bug is planted; null when it finds it. */
async function missed({ name, file, from, to, finds, faults }: Mutant): Promise<string | null> {
  using folder = memoryFolder();
  await Deno.mkdir(`${folder.path}/tests`);
  for (const part of PARTS) await command("cp", ["-r", part, `${folder.path}/${part}`]);
  const path = `${folder.path}/${file}`;
  const parts = (await Deno.readTextFile(path)).split(from);
  if (parts.length !== 2) return `${name}: its text is in ${file} ${parts.length - 1} times`;
  await Deno.writeTextFile(path, parts.join(to));
  const kinds = faults === undefined ? [] : ["--faults", faults.join(",") || "none"];
  const bounds = ["--seeds", `${SEEDS}`, "--seconds", `${SECONDS}`, "--first"];
  const args = ["run", "-A", "--no-check", "tests/sim/main.ts", ...bounds, ...kinds];
  const told = await command(Deno.execPath(), args, folder.path);
  const broken = told.split("\n").filter((line) => line.includes("BROKEN"));
  if (broken.some((line) => finds.test(line))) return null;
  return `${name}: ${broken[0] ?? told.slice(-300)}`;
}

Deno.test(`${MUTANTS.length} planted bugs are found`, inGate(), async () => {
  const found = await Array.fromAsync(pooledMap(AT_ONCE, MUTANTS, missed));
  assertEquals(found.filter((line) => line !== null), []);
});
