/** Which limits a worker enforces, as attributes that people see and constraints ask for. Pure. */
import type { KeeperLimits } from "./keeper_link.ts";

const KINDS = ["memory", "cpu", "pids", "disk"] as const;

/**
 * `limits` names all that are enforced, or `none`; each has a line of its own beside it, so that a
 * job can ask for one: `--constraint limits.memory`.
 *
 * @param limits what the keeper said; one of an earlier version says nothing and enforces none
 */
export function limitAttributes(limits: KeeperLimits | undefined): Record<string, string> {
  const inForce = KINDS.filter((kind) => (limits?.[kind] ?? null) !== null);
  return {
    limits: inForce.join(",") || "none",
    ...Object.fromEntries(inForce.map((kind) => [`limits.${kind}`, limits?.[kind] ?? ""])),
  };
}
