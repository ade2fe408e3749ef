/** Tests of the core's rules, each in a world of its own. */
import { CoreWorld } from "./core_world.ts";

/** A test in a world that is closed after it. */
export function scenario(name: string, body: (world: CoreWorld) => void): void {
  Deno.test(name, () => {
    const world = new CoreWorld();
    try {
      body(world);
    } finally {
      world.close();
    }
  });
}

/** A task that ended by itself. */
export const EXIT = (code: number) => ({ cause: "exit", code } as const);
/** All tasks at once, on workers of one zone. */
export const GANG = { gang: { groupBy: "zone" } } as const;

/** Why the core refused. */
export function refusal(answer: unknown): string {
  return (answer as { refusal?: { message: string } }).refusal?.message ?? "not refused";
}
