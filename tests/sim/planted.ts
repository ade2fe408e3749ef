/** Plants bugs, each in a copy of the code, and looks whether a simulator finds them. */
import { pooledMap } from "@std/async";
import { memoryFolder } from "./memory_folder.ts";
import type { Mutant } from "./mutants.ts";

const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
/** What a simulation is made of. */
const PARTS = ["src", "tests/sim", "tests/fakes", "tests/support", "deno.json", "deno.lock"];
/** How long it may take until a bug is found, in s: more than a loaded machine needs for the seeds it takes. */
const SECONDS = 300;
/** As many as a small machine has cores. */
const AT_ONCE = 2;

/** How it is looked for. */
interface Search {
  /** Simulations at most until a bug is found. */
  readonly seeds: number;
  /** More for the command line. */
  readonly more?: readonly string[];
}

/** What is wrong with the simulator: a line for each bug that it does not find. */
export async function missedAmong(mutants: readonly Mutant[], search: Search): Promise<string[]> {
  const found = pooledMap(AT_ONCE, mutants, (mutant) => missed(mutant, search));
  return (await Array.fromAsync(found)).filter((line) => line !== null);
}

async function command(program: string, args: string[], cwd = ROOT): Promise<string> {
  const command = new Deno.Command(program, { args, cwd, stdout: "piped", stderr: "piped" });
  const { stdout, stderr } = await command.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** What is wrong with the simulator when this bug is planted; null when it finds it. */
async function missed(
  { name, file, from, to, finds, faults }: Mutant,
  { seeds, more = [] }: Search,
): Promise<string | null> {
  using folder = memoryFolder();
  await Deno.mkdir(`${folder.path}/tests`);
  for (const part of PARTS) await command("cp", ["-r", part, `${folder.path}/${part}`]);
  const path = `${folder.path}/${file}`;
  const parts = (await Deno.readTextFile(path)).split(from);
  if (parts.length !== 2) return `${name}: its text is in ${file} ${parts.length - 1} times`;
  await Deno.writeTextFile(path, parts.join(to));
  const kinds = faults === undefined ? [] : ["--faults", faults.join(",") || "none"];
  const bounds = ["--seeds", `${seeds}`, "--seconds", `${SECONDS}`, "--first"];
  const args = ["run", "-A", "--no-check", "tests/sim/main.ts", ...bounds, ...kinds, ...more];
  const told = await command(Deno.execPath(), args, folder.path);
  const broken = told.split("\n").filter((line) => line.includes("BROKEN"));
  if (broken.some((line) => finds.test(line))) return null;
  return `${name}: ${broken[0] ?? told.slice(-300)}`;
}
