/** Whether this machine lets a test limit processes, and as whom it may run them. */
import { Cgroup } from "../../src/host/cgroup.ts";
import { openLimitCgroups } from "../../src/host/limit_cgroups.ts";
import { type Need, needs } from "./require.ts";

/** Cgroups that limit memory, cpu and processes, of either version. */
export const NEEDS_LIMITS: Need = await needs("writable cgroups for memory, cpu and pids", () => {
  const name = `iris-probe-${Deno.pid}`;
  const cgroup = Cgroup.open(name);
  try {
    const { memory, cpu, pids } = openLimitCgroups({ name, root: Deno.pid }).inForce;
    return memory !== null && cpu !== null && pids !== null;
  } finally {
    Cgroup.find(name)?.remove();
    cgroup?.remove();
  }
});

/** Root, who may become others. */
export const NEEDS_ROOT: Need = await needs(
  "root and setpriv (util-linux)",
  () => Deno.uid() === 0 && Deno.statSync("/usr/bin/setpriv").isFile,
);
