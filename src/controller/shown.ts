/** What the controller's server shows, made from what the core told. Pure. */
import type { WorkerView } from "../wire/api.ts";
import type { WorkerInfo } from "./messages.ts";

/** What is shown of a worker: no secrets. */
export function workerView(
  { token: _, certificate: __, lastSeenAtMs, ...worker }: WorkerInfo,
  wallMs: number,
): WorkerView {
  return { ...worker, lastSeenMs: Math.max(0, wallMs - lastSeenAtMs) };
}
