/** The state folder as an owned part. */
import type { StateDir } from "../../host/state_dir.ts";
import type { Part } from "../../lifecycle/part.ts";

/** Gives the lock back at the end; a temporary folder goes with it. */
export function stateDirPart(state: StateDir, options: { temporary: boolean }): Part {
  return {
    name: "state-dir",
    kind: "resource",
    facts: () => ({ detail: state.path }),
    release() {
      state.release();
      if (options.temporary) Deno.removeSync(state.path, { recursive: true });
    },
  };
}
