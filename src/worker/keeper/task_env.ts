/** The environment of tasks: what the job sets, but for names that are the keeper's. Pure. */
import type { KeeperSpec, StartedFact } from "../keeper_link.ts";
import type { AttemptKey } from "./attempt.ts";
import { MARKER } from "./marker.ts";
import { portLines, portVariable } from "./port_book.ts";
import { TOKEN_NAMES } from "./token_files.ts";

/** Names that the keeper gives each attempt itself. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  ...["IRIS_TASK", "IRIS_TASK_INDEX", "IRIS_ATTEMPT", "IRIS_ENTRY", MARKER],
  ...["IRIS_RESULT_FILE", "IRIS_PROGRESS_FILE"],
  ...TOKEN_NAMES,
]);

/** Lines that all attempts of a job share. */
export function jobLines({ env, options }: KeeperSpec): string[] {
  // The first of two lines with one name counts for most programs, and ours must.
  const ports = new Set(options?.ports.map(portVariable));
  return Object.entries(env)
    .filter(([name]) => !OWN_NAMES.has(name) && !ports.has(name))
    .map(([name, value]) => `${name}=${value}`);
}

/** Lines of one attempt alone. */
export function attemptLines(
  { job, entries }: KeeperSpec,
  { index, attempt }: AttemptKey,
  ports: StartedFact["ports"],
): string[] {
  const entry = entries === null || entries === undefined ? null : entries[index] ?? "";
  return [
    `IRIS_TASK=${job}/${index}`,
    `IRIS_TASK_INDEX=${index}`,
    `IRIS_ATTEMPT=${attempt}`,
    ...(entry === null ? [] : [`IRIS_ENTRY=${entry}`]),
    ...portLines(ports),
  ];
}
