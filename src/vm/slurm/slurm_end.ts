/** How an allocation ended: from what Slurm says of it to what is told of its VMs. Pure. */
import { plainLine } from "../../base/errors.ts";
import type { VmEvent } from "../managed_vm.ts";
import { isJobState, type JobState } from "./slurm_queue.ts";

/** The exit code of an allocation that does not see its folder (`EX_CONFIG` of sysexits.h). */
export const NO_FOLDER_CODE = 78;
/** What Slurm says of a job whose output file it could not open. */
const NO_OUTPUT = "0:53";

/** What is known of the end of an allocation. */
export interface JobEnd {
  /** Null when Slurm does not know it any more. */
  readonly state: JobState | null;
  /** `1:0` is an exit code, `0:9` a signal; null when it is not known. */
  readonly exitCode: string | null;
  readonly timeLimit: string | null;
  readonly nodes: string | null;
}

/** Nothing is known of it. */
export const UNKNOWN_END: JobEnd = { state: null, exitCode: null, timeLimit: null, nodes: null };

/**
 * Reads a line of `scontrol show job --oneliner`.
 *
 * @param name of the job: an id may be another one's by now, which is then unknown
 * @returns null when that is no such line
 */
export function readShownJob(text: string, name: string): JobEnd | null {
  const field = (name: string) => text.match(new RegExp(`(?:^|\\s)${name}=(\\S+)`))?.[1] ?? null;
  const state = field("JobState");
  if (state === null || !isJobState(state)) return null;
  if (field("JobName") !== name) return UNKNOWN_END;
  return {
    ...{ state, exitCode: field("ExitCode"), timeLimit: field("TimeLimit") },
    nodes: field("NodeList"),
  };
}

/** For `sacct --format`. */
export const ACCOUNT_FORMAT = "JobName%200,State%40,ExitCode,Timelimit,NodeList";

/** Reads what `sacct` says with that format. @returns null when nothing, or of another job */
export function readAccounted(text: string, name: string): JobEnd | null {
  const [known, state = "", exitCode = "", timeLimit = "", nodes = ""] = text.trim().split("\n")
    .at(-1)!.split("|");
  if (known !== name) return null;
  // It says `CANCELLED by 1000`.
  const word = state.split(" ")[0]!;
  return isJobState(word) ? { state: word, exitCode, timeLimit, nodes } : null;
}

/** What happened beside what Slurm says. */
export interface EndFacts {
  /** Slurm told the workers that their time is nearly over. */
  readonly warned: boolean;
  /** The exit code of the worker; null when it left none. */
  readonly workerCode: string | null;
}

/** What is told of a VM of an allocation that nobody here asked to end. */
export function eventOf(end: JobEnd, { warned, workerCode }: EndFacts): VmEvent {
  const limit = end.timeLimit === null ? "" : ` (${plainLine(end.timeLimit, 40)})`;
  const nodes = end.nodes === null ? "" : ` (${plainLine(end.nodes, 80)})`;
  switch (end.state) {
    case "TIMEOUT":
      return { name: "preempted", reason: `its allocation's time limit${limit} was reached` };
    case "PREEMPTED":
      return { name: "preempted", reason: "Slurm preempted its allocation" };
    case "DEADLINE":
    case "REVOKED":
      return { name: "preempted", reason: `Slurm took its allocation back: ${end.state}` };
    case "CANCELLED":
      return { name: "gone", reason: "its allocation was cancelled by somebody" };
    case "NODE_FAIL":
    case "BOOT_FAIL":
      return { name: "failed", reason: `a node of its allocation failed${nodes}: ${end.state}` };
    case "OUT_OF_MEMORY":
      return { name: "failed", reason: "its allocation ran out of memory" };
    case null:
      return { name: "gone", reason: "Slurm does not know its allocation any more" };
    default:
      if (warned) {
        const reason = `its allocation's time limit${limit} was near, or it was to be preempted`;
        return { name: "preempted", reason };
      }
      if (workerCode === null && [NO_OUTPUT, `${NO_FOLDER_CODE}:0`].includes(end.exitCode ?? "")) {
        return { name: "failed", reason: `its node does not see the shared folder${nodes}` };
      }
      return { name: "failed", reason: `its worker ended: ${howEnded(end, workerCode)}` };
  }
}

function howEnded(end: JobEnd, workerCode: string | null): string {
  if (workerCode !== null) return `exit code ${plainLine(workerCode, 20)}`;
  const [code = "", signal = "0"] = end.exitCode?.split(":") ?? [];
  if (signal !== "0") return `signal ${plainLine(signal, 20)}`;
  return code === "" ? "Slurm does not say how" : `exit code ${plainLine(code, 20)}`;
}
