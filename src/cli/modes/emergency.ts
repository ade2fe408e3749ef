/** The last resort of the third signal. Runs in main. */
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import { descendants } from "../../host/proc.ts";
import { watchedProcesses } from "../../host/watched_process.ts";

/**
 * SIGKILLs every process below this one and below a keeper that it adopted, keepers first, so that
 * nothing starts anew. What hid from the process tree is ended by the next start's sweep.
 */
export function killKnownGroups(): void {
  for (let round = 0; round < 3; round++) {
    const adopted = watchedProcesses().filter((one) => one.alive).map(({ pid }) => pid);
    const pids = [...descendants(Deno.pid), ...adopted, ...adopted.flatMap(descendants)];
    if (pids.length === 0) return;
    for (const pid of pids) {
      signalGroup(pid, "SIGKILL");
      signalProcess(pid, "SIGKILL");
    }
  }
}
