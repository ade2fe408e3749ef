/** The last resort of the third signal. Runs in main. */
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import { descendants } from "../../host/proc.ts";

/**
 * SIGKILLs every process below this one, keepers first, so that nothing starts anew. What hid from
 * the process tree is ended by the next start's sweep.
 */
export function killKnownGroups(): void {
  for (let round = 0; round < 3; round++) {
    const pids = descendants(Deno.pid);
    if (pids.length === 0) return;
    for (const pid of pids) {
      signalGroup(pid, "SIGKILL");
      signalProcess(pid, "SIGKILL");
    }
  }
}
