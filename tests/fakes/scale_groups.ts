/** Scale groups for tests. */
import type { GroupConfig, GroupPace, ScaleGroup } from "../../src/vm/scale_group.ts";
import type { ProviderConfig } from "../../src/vm/provider_config.ts";

/** A group of single VMs with two cores. */
export function scaleGroup(more: Partial<ScaleGroup> = {}): ScaleGroup {
  return {
    name: "cpu",
    sliceVms: 1,
    min: 1,
    max: 3,
    buffer: 0,
    priority: 0,
    cpuMilli: 2_000,
    memoryBytes: 1_000,
    resources: {},
    attributes: {},
    idleMs: 1_000,
    quotaPool: null,
    quotaRank: 0,
    ...more,
  };
}

/** A group as it is configured. */
export function groupConfig(
  more: {
    group?: Partial<ScaleGroup>;
    pace?: Partial<GroupPace>;
    provider?: ProviderConfig;
  } = {},
): GroupConfig {
  return {
    group: scaleGroup(more.group),
    pace: {
      createsPerMinute: 60,
      deletesPerMinute: 60,
      bootTimeoutMs: 60_000,
      unhealthyMs: 30_000,
      stopMs: 5_000,
      ...more.pace,
    },
    provider: more.provider ??
      { kind: "fake", bootMs: 0, deleteMs: 0, script: [], quota: null },
  };
}
