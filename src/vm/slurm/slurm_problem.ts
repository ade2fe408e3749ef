/** What a command of Slurm that failed means. Pure. */
import { IrisError, plainLine } from "../../base/errors.ts";

/** There is no more to be had for now. */
const QUOTA =
  /violates accounting\/QOS policy|QOS\w*(Limit|Max|Grp)|Assoc\w*Limit|submit limit|too many jobs|Resource temporarily unavailable|maximum .*jobs/i;
/** `sbatch` was told no, and asks again by itself; nothing was taken. */
const FULL = /sleeping and retrying/i;
/** Nothing was sent: whatever was asked for did not happen. */
const NOT_SENT = /Unable to contact slurm controller|Connection refused|Unable to establish/i;
/** It was sent, and the answer never came. */
const UNANSWERED =
  /timed out|Zero Bytes were transmitted|Unexpected message|Connection reset|Broken pipe|Communication|Insane message/i;
/** The field of the configuration that a message of `sbatch` is about. */
const FIELDS: readonly { readonly said: RegExp; readonly field: string }[] = [
  { said: /account/i, field: "account" },
  { said: /partition/i, field: "partition" },
  { said: /qos/i, field: "qos" },
  { said: /time/i, field: "timeLimit" },
  { said: /unrecognized option|invalid option|ambiguous/i, field: "options" },
];
/** It will not be granted, however often it is asked for. */
const INVALID =
  /invalid|unrecognized option|is ambiguous|configuration is not available|can not be satisfied|cannot be satisfied|not permitted|Access\/permission denied|requires an argument/i;

/** What a failed submission means. */
export type Refusal =
  /** Slurm or its command said no: there is nothing to delete. */
  | { readonly kind: "refused"; readonly error: IrisError }
  /** Nobody knows whether it was taken. */
  | { readonly kind: "unanswered"; readonly message: string };

/** The last line that says something, without the name of the command in front. */
export function lastWords(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const line = lines.findLast((line) => !/^Try ".*--help"/.test(line)) ?? "it said nothing";
  return plainLine(line.replace(/^(sbatch|squeue|scancel|scontrol|srun): (error: )?/, ""), 300);
}

/** What `sbatch` meant. @param code null when it was killed, because it took too long */
export function refusalOf({ code, stderr }: { code: number | null; stderr: string }): Refusal {
  const words = lastWords(stderr);
  if (FULL.test(stderr)) {
    return { kind: "refused", error: new IrisError("quota", "Slurm: its queue is full") };
  }
  if (code === null) return { kind: "unanswered", message: "sbatch did not answer in time" };
  if (NOT_SENT.test(stderr)) {
    return { kind: "refused", error: new IrisError("unavailable", `Slurm: ${words}`) };
  }
  if (QUOTA.test(stderr)) {
    return { kind: "refused", error: new IrisError("quota", `Slurm: ${words}`) };
  }
  if (UNANSWERED.test(stderr)) return { kind: "unanswered", message: words };
  if (INVALID.test(stderr)) {
    const field = FIELDS.find(({ said }) => said.test(words))?.field;
    const error = new IrisError("invalid", `Slurm: ${words}`, field === undefined ? {} : { field });
    return { kind: "refused", error };
  }
  return { kind: "refused", error: new IrisError("unavailable", `Slurm: ${words}`) };
}

/** True when a signal did not reach Slurm; any other refusal means that there is no such job left. */
export function isOutage({ code, stderr }: { code: number | null; stderr: string }): boolean {
  return code === null || (code !== 0 && (NOT_SENT.test(stderr) || UNANSWERED.test(stderr)));
}
