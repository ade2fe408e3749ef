/**
 * Runs every order of outside events on small trees, each from the start under its own fake clock
 * (stateless search: a run is a list of choices, and the next run changes the last one that can be
 * changed), and checks after each whole run what a stop promises.
 */
import { brokenPromises } from "./explorer_checks.ts";
import { type OwnerModule, type Profile, type Shape, World } from "./explorer_world.ts";

/** A tree, what its parts do, and how far events are explored. */
export interface Scene {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly profileOf: (name: string) => Profile;
  readonly gated: boolean;
  /** Events that come first, in this order. */
  readonly prefix: readonly string[];
  /** How many further events are explored; then only time passes. */
  readonly depth: number;
}

/** A run that broke a promise. */
export interface Finding {
  readonly scene: string;
  readonly events: readonly string[];
  readonly broken: readonly string[];
}

const OBEDIENT: Profile = { name: "obedient" };

/** What parts may do wrong in the steps that no event moves. */
export const PROFILES: readonly Profile[] = [
  OBEDIENT,
  { name: "leaves something", verify: "left" },
  { name: "cannot be verified in time", verify: "hang" },
  { name: "has no verify", verify: "none" },
  { name: "has neither force nor verify", force: "none", verify: "none" },
  { name: "throws", close: "throw", force: "throw", verify: "throw", release: "throw" },
  { name: "hangs", force: "hang", release: "hang" },
];

/** Small trees: up to three parts below the root, up to two stages, up to depth three. */
export const TREES: Readonly<Record<string, readonly Shape[]>> = {
  "a": [{ name: "a" }],
  "a|b": [{ name: "a" }, { name: "b" }],
  "a b": [{ name: "a", stage: 0 }, { name: "b", stage: 0 }],
  "a(b)": [{ name: "a", children: [{ name: "b" }] }],
  "a(b|c)": [{ name: "a", children: [{ name: "b" }, { name: "c" }] }],
  "a(b c)": [{ name: "a", children: [{ name: "b", stage: 0 }, { name: "c", stage: 0 }] }],
  "a(b)|c": [{ name: "a", children: [{ name: "b" }] }, { name: "c" }],
  "a(b) c": [{ name: "a", stage: 0, children: [{ name: "b" }] }, { name: "c", stage: 0 }],
  "a(b(c))": [{ name: "a", children: [{ name: "b", children: [{ name: "c" }] }] }],
  "a|b|c": [{ name: "a" }, { name: "b" }, { name: "c" }],
  "a b|c": [{ name: "a", stage: 0 }, { name: "b", stage: 0 }, { name: "c", stage: 1 }],
};

/** How many events are explored in each kind of scene, by the number of parts. */
export interface Depths {
  readonly running: readonly number[];
  readonly stopping: readonly number[];
  readonly starting: readonly number[];
}

/** Every tree with every profile: while it runs, from a stop on, and while it starts. */
export function allScenes(depths: Depths): Scene[] {
  const scenes: Scene[] = [];
  for (const [tree, shapes] of Object.entries(TREES)) {
    const parts = tree.replaceAll(/[^a-z]/g, "").length;
    for (const profile of PROFILES) {
      for (const [who, profileOf] of victims(profile, parts)) {
        const add = (kind: keyof Depths, gated: boolean, prefix: string[]) =>
          scenes.push({
            name: `${tree}, ${who} ${profile.name}, ${kind}`,
            shapes,
            profileOf,
            gated,
            prefix,
            depth: depths[kind][parts - 1] ?? 0,
          });
        add("running", false, []);
        add("stopping", false, ["stop"]);
        add("starting", true, []);
      }
    }
  }
  return scenes;
}

function victims(profile: Profile, parts: number): [string, (name: string) => Profile][] {
  const all: [string, (name: string) => Profile] = ["each", () => profile];
  if (parts === 1 || profile === OBEDIENT) return [all];
  return [all, ["a", (name) => name === "a" ? profile : OBEDIENT], [
    "b",
    (name) => name === "b" ? profile : OBEDIENT,
  ]];
}

/**
 * Explores scenes until all is done or `maxFindings` runs broke a promise.
 *
 * @returns how many runs there were, and what was found
 */
export async function explore(
  module: OwnerModule,
  options: { scenes: readonly Scene[]; maxFindings: number },
): Promise<{ runs: number; findings: Finding[] }> {
  const findings: Finding[] = [];
  let runs = 0;
  const unhandled: unknown[] = [];
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  addEventListener("unhandledrejection", onUnhandled);
  try {
    for (const scene of options.scenes) {
      let path: readonly number[] | undefined = [];
      while (path && findings.length < options.maxFindings) {
        const run = await runOnce(module, scene, path);
        runs++;
        const broken = [...run.broken, ...unhandled.splice(0).map((e) => `unhandled: ${e}`)];
        if (broken.length > 0) findings.push({ scene: scene.name, events: run.events, broken });
        path = nextPath(run.choices, run.widths);
      }
    }
  } finally {
    removeEventListener("unhandledrejection", onUnhandled);
  }
  return { runs, findings };
}

async function runOnce(module: OwnerModule, scene: Scene, path: readonly number[]) {
  const world = new World(module, scene);
  await world.clock.settle();
  for (const event of scene.prefix) await world.apply(event);
  const choices: number[] = [];
  const widths: number[] = [];
  while (choices.length < scene.depth) {
    const events = world.enabled();
    const choice = path[choices.length] ?? 0;
    const event = events[choice];
    if (event === undefined) break;
    choices.push(choice);
    widths.push(events.length);
    await world.apply(event);
  }
  await world.finish();
  return { choices, widths, events: world.trace, broken: brokenPromises(world) };
}

function nextPath(choices: readonly number[], widths: readonly number[]): number[] | undefined {
  for (let at = choices.length - 1; at >= 0; at--) {
    const next = (choices[at] ?? 0) + 1;
    if (next < (widths[at] ?? 0)) return [...choices.slice(0, at), next];
  }
  return undefined;
}
