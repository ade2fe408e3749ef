/** A scale group for tests of providers. */
import type { ScaleGroup } from "../../src/vm/scale_group.ts";

/** A small one, unless said otherwise. */
export function providerGroup(more: Partial<ScaleGroup> = {}): ScaleGroup {
  return {
    ...{ name: "g", sliceVms: 1, min: 0, max: 4, buffer: 0, priority: 0 },
    ...{ cpuMilli: 500, memoryBytes: 64 * 1024 ** 2, resources: {}, attributes: { zone: "a" } },
    ...{ idleMs: 1_000, quotaPool: null, quotaRank: 0 },
    ...more,
  };
}
