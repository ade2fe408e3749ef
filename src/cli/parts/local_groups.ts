/** The scale groups of a local cluster: workers inside this process, unless others are configured. */
import { readHardware } from "../../host/hardware.ts";
import type { GroupConfig } from "../../vm/scale_group.ts";

/** The name of the one group of a local cluster that has no configuration. */
const LOCAL_GROUP = "local";

/** Workers that share this machine evenly, and of which there are always so many. */
export function localGroup(workers: number): GroupConfig {
  const hardware = readHardware();
  return {
    group: {
      name: LOCAL_GROUP,
      sliceVms: 1,
      min: workers,
      max: workers,
      buffer: 0,
      priority: 0,
      cpuMilli: Math.max(1, Math.floor(hardware.cpuMilli / workers)),
      memoryBytes: Math.floor(hardware.memoryBytes / workers),
      resources: {},
      attributes: {},
      idleMs: Infinity,
      quotaPool: null,
      quotaRank: 0,
    },
    // A worker inside this process costs nothing to ask for, and says by itself how it does.
    pace: {
      createsPerMinute: Infinity,
      deletesPerMinute: Infinity,
      bootTimeoutMs: Infinity,
      unhealthyMs: 60_000,
      stopMs: 10_000,
    },
    provider: { kind: "local" },
  };
}
