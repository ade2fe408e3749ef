/**
 * Undoes what a spawner does to the process that tests run in: a subreaper would go on getting the
 * orphans of every later test.
 */
import type { Spawner } from "../../src/host/spawner.ts";

const PR_SET_CHILD_SUBREAPER = 36;

/** This process no longer gets orphans. */
export function endSubreaper(): void {
  const libc = Deno.dlopen("libc.so.6", {
    prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  });
  libc.symbols.prctl(PR_SET_CHILD_SUBREAPER, 0n, 0n, 0n, 0n);
  libc.close();
}

/** A spawner whose `close` also ends that this process is a subreaper. */
export function withoutSubreaper<S extends Spawner>(spawner: S): S {
  const close = spawner.close.bind(spawner);
  spawner.close = () => {
    close();
    endSubreaper();
  };
  return spawner;
}
