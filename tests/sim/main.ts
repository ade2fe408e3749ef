/**
 * Runs simulations from the command line: `deno task sim --seed 7 --trace` runs one again to the last
 * step, `deno task sim --seeds 1000` looks for one that breaks a promise. Exit code 1 when one did.
 */
import { parseArgs } from "@std/cli";
import { type SimResult, simulate } from "./world.ts";
import { FAULTS } from "./nemesis.ts";
import { FLEET_FAULTS } from "./fleet/fleet_faults.ts";
import { LOADS } from "./fleet/fleet_load.ts";
import { type FleetSimResult, simulateFleet } from "./fleet/fleet_world.ts";
import { memoryFolder } from "./memory_folder.ts";

const HELP = `Simulates a cluster under faults, and says when a promise is broken.

  --seed N        one simulation, or the first of several (default: 1)
  --seeds N       how many (default: 1 with --seed, else 1000)
  --seconds N     stop after so many seconds of real time
  --fault-ms N    how long faults are planted, in simulated ms (default: 15000)
  --jobs N        jobs at most (default: 8)
  --replicas N    tasks of a job at most (default: 12)
  --workers N     workers at most (default: 5)
  --faults A,B    kinds of faults: ${Object.keys(FAULTS).join(", ")}; none for no fault
  --autoscaler    a fleet of VMs under a load, with the real autoscaler and VM manager;
                  then --minutes N, --vms N, --load NAME and --faults of its own
  --first         stop at the first that breaks a promise
  --trace         tell everything that happened
  --json          one line of JSON for each simulation`;

const args = parseArgs(Deno.args, {
  boolean: ["trace", "first", "json", "help", "autoscaler"],
  string: [
    ...["seed", "seeds", "seconds", "fault-ms", "jobs", "replicas", "workers", "faults"],
    ...["minutes", "vms", "load"],
  ],
  unknown: (arg) => fail(`unknown argument ${arg}`),
});

function fail(why: string): never {
  console.error(`sim: ${why}\n\n${HELP}`);
  Deno.exit(2);
}

type Numbered =
  | "seed"
  | "seeds"
  | "seconds"
  | "fault-ms"
  | "jobs"
  | "replicas"
  | "workers"
  | "minutes"
  | "vms";

function whole(name: Numbered) {
  const text = args[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) fail(`--${name} must be a whole number: it is "${text}"`);
  return Number(text);
}

function describe(result: SimResult | FleetSimResult): string {
  if ("load" in result) return describeFleet(result);
  const { seed, jobs, processes, commits, losses, steps, simMs, faults, digest } = result;
  return `seed ${seed}: ${jobs} jobs, ${processes} attempts, ${commits} commits, ${losses} workers lost, ` +
    `${steps} steps, ${Math.round(simMs / 1000)} s, digest ${digest} [${faults.join(" ")}]`;
}

function describeFleet(of: FleetSimResult): string {
  const { seed, load, groups, created, mostVms, finished, again, turns } = of;
  return `seed ${seed}: ${load}, ${groups} groups, ${created} slices made (${of.unused} unused), at most ${mostVms} VMs, ` +
    `${finished} tasks, ${again} again, ${of.cost.toFixed(1)} VM-hours of ${of.ideal.toFixed(1)} ` +
    `needed (${of.bound.toFixed(1)} allowed), ${
      turns.toFixed(1)
    } turns an hour, ${of.steps} steps, ` +
    `${Math.round(of.simMs / 60_000)} min, digest ${of.digest} [${of.faults.join(" ")}]`;
}

function messagesOf({ violations }: SimResult | FleetSimResult): string[] {
  return violations.map((one) => typeof one === "string" ? one : one.message);
}

async function main(): Promise<number> {
  if (args.help) {
    console.log(HELP);
    return 0;
  }
  const first = whole("seed") ?? 1;
  const count = whole("seeds") ?? (args.seed === undefined ? 1_000 : 1);
  const endAt = performance.now() + (whole("seconds") ?? Infinity) * 1_000;
  const faults = args.faults === undefined
    ? undefined
    : args.faults.split(",").filter((name) => name !== "" && name !== "none");
  const known = args.autoscaler ? FLEET_FAULTS : FAULTS;
  for (const name of faults ?? []) if (!(name in known)) fail(`no such fault: ${name}`);
  if (args.load !== undefined && !(args.load in LOADS)) fail(`no such load: ${args.load}`);
  const fleet = {
    ...given("minutes", whole("minutes")),
    ...given("maxVms", whole("vms")),
    ...given("load", args.load),
    ...given("faults", faults),
  };
  const sizes = {
    ...given("faultMs", whole("fault-ms")),
    ...given("jobs", whole("jobs")),
    ...given("maxReplicas", whole("replicas")),
    ...given("maxWorkers", whole("workers")),
    ...given("faults", faults),
  };
  let broken = 0;
  let done = 0;
  for (let seed = first; seed < first + count && performance.now() < endAt; seed++) {
    using folder = memoryFolder();
    const result = args.autoscaler
      ? await simulateFleet({ seed, trace: args.trace, ...fleet }, folder.path)
      : await simulate({ seed, trace: args.trace, ...sizes }, folder.path);
    done++;
    for (const line of result.trace) console.log(line);
    if (args.json) {
      console.log(
        JSON.stringify({ ...result, trace: undefined, violations: messagesOf(result) }),
      );
    } else if (count === 1) console.log(describe(result));
    if (result.violations.length === 0) continue;
    broken++;
    console.log(describe(result));
    for (const message of messagesOf(result)) console.log(`  BROKEN: ${message}`);
    if (args.first) break;
  }
  console.log(`${done} simulations, ${broken} broke a promise`);
  return broken === 0 ? 0 : 1;
}

function given<K extends string, V>(name: K, value: V | undefined): { [k in K]?: V } {
  return value === undefined ? {} : { [name]: value } as { [k in K]?: V };
}

Deno.exit(await main());
