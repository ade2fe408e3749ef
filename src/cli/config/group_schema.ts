/** What a scale group looks like in `iris.yaml`, and what becomes of it. Pure. */
import * as v from "valibot";
import { IrisError } from "../../base/errors.ts";
import type { ProviderConfig, SshHost } from "../../vm/provider_config.ts";
import type { GroupConfig } from "../../vm/scale_group.ts";
import { type Parse, parseCores, parseDuration, parseSize } from "../flags/quantities.ts";

/** The most slices of a group, and VMs of a slice. */
const MAX_SLICES = 10_000;
const MAX_SLICE_VMS = 1_000;
const NAME = /^[a-z][a-z0-9-]{0,39}$/;

/** A value as it would be typed after a flag. The flag's name of a message is left to the place. */
export function quantity<T>(parse: Parse<T>, examples: string, help = examples) {
  return v.pipe(
    v.union([v.string(), v.number()], (issue) => `${shown(issue.input)} is not ${examples}`),
    v.description(help),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(String(dataset.value), "");
      } catch (error) {
        if (!(error instanceof IrisError)) throw error;
        addIssue({ message: error.message.replace(/^Invalid ?: /, "") });
        return NEVER;
      }
    }),
  );
}

function shown(input: unknown): string {
  return typeof input === "object" ? "This" : JSON.stringify(input) ?? "Nothing";
}

const duration = quantity(parseDuration, "a duration (examples: 500ms, 10s, 5m, 2h)");
const size = quantity(parseSize, "a size (examples: 512MB, 2GiB)");
const cores = quantity(parseCores, "a number of cores above 0 (examples: 0.5, 2, 250m)");

/** A whole number in a range. */
function count(min: number, max: number) {
  const message = (issue: { input: unknown }) =>
    `${shown(issue.input)} is not a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
}

const text = v.pipe(
  v.string((issue) => `${shown(issue.input)} is not a text`),
  v.minLength(1, "It is empty"),
);
const name = v.pipe(
  v.string((issue) => `${shown(issue.input)} is not a name`),
  v.regex(
    NAME,
    (issue) => `${shown(issue.input)} is not a name of at most 40 small letters, digits and '-'`,
  ),
);

/** `host`, `user@host`, `host:22`, or the same as keys. */
const host = v.pipe(
  v.union([
    text,
    v.strictObject({
      host: text,
      port: v.optional(count(1, 65_535)),
      user: v.optional(text),
    }),
  ], (issue) => `${shown(issue.input)} is not a host (examples: node1, me@node1, node1:2222)`),
  v.rawTransform(({ dataset, addIssue, NEVER }): SshHost => {
    const { value } = dataset;
    if (typeof value !== "string") {
      return { host: value.host, port: value.port ?? null, user: value.user ?? null };
    }
    const match = /^(?:([\w.-]+)@)?([\w.-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?$/.exec(value);
    const port = match?.[3] === undefined ? null : Number(match[3]);
    if (match === null || (port !== null && (port < 1 || port > 65_535))) {
      addIssue({
        message: `${shown(value)} is not a host (examples: node1, me@node1, node1:2222)`,
      });
      return NEVER;
    }
    const named = match[2]!.replace(/^\[|\]$/g, "");
    return { host: named, port, user: match[1] ?? null };
  }),
);

const FAKE_STEP = v.strictObject({
  afterMs: count(0, 86_400_000),
  fate: v.picklist(["ready", "failed", "quota", "preempted", "unhealthy", "hang"]),
});

/** The `provider` of a group. */
export const PROVIDER_SCHEMA = v.variant("kind", [
  v.strictObject({ kind: v.literal("local") }),
  v.strictObject({ kind: v.literal("process") }),
  v.strictObject({
    kind: v.literal("ssh"),
    hosts: v.pipe(v.array(host), v.minLength(1, "It is empty: name at least one host")),
    identityFile: v.optional(text),
    knownHostsFile: v.optional(text),
    hostKeys: v.optional(v.picklist(["strict", "accept-new"]), "strict"),
    configFile: v.optional(text),
    folder: v.optional(text),
    connectTimeout: v.optional(duration, "10s"),
  }),
  v.strictObject({
    kind: v.literal("slurm"),
    sharedFolder: text,
    partition: v.optional(text),
    account: v.optional(text),
    qos: v.optional(text),
    timeLimit: v.optional(duration),
    options: v.optional(v.array(text), []),
    commandFolder: v.optional(text),
  }),
  v.strictObject({
    kind: v.literal("fake"),
    boot: v.optional(duration, "1s"),
    delete: v.optional(duration, "1s"),
    quota: v.optional(count(0, MAX_SLICES)),
    script: v.optional(v.array(FAKE_STEP), []),
  }),
], (issue) => `${shown(issue.input)} is not one of local, process, ssh, slurm, fake`);

/** One of `groups`. */
export const GROUP_SCHEMA = v.strictObject({
  name,
  provider: PROVIDER_SCHEMA,
  vm: v.strictObject({
    cpu: cores,
    memory: size,
    disk: v.optional(size),
    gpu: v.optional(count(0, 1_024), 0),
    resources: v.optional(
      v.record(name, v.pipe(v.number(), v.minValue(0, "It is less than nothing"))),
      {},
    ),
    attributes: v.optional(v.record(text, v.union([v.string(), v.number(), v.boolean()])), {}),
  }),
  sliceVms: v.optional(count(1, MAX_SLICE_VMS), 1),
  min: v.optional(count(0, MAX_SLICES), 0),
  max: count(0, MAX_SLICES),
  buffer: v.optional(count(0, MAX_SLICES), 0),
  priority: v.optional(count(-1_000, 1_000), 0),
  idle: v.optional(duration, "5m"),
  quota: v.optional(v.strictObject({ pool: name, rank: v.optional(count(0, 1_000), 0) })),
  pace: v.optional(
    v.strictObject({
      createsPerMinute: v.optional(count(1, 6_000), 16),
      deletesPerMinute: v.optional(count(1, 6_000), 32),
      bootTimeout: v.optional(duration, "10m"),
      unhealthy: v.optional(duration, "1m"),
      stopTimeout: v.optional(duration, "30s"),
    }),
    {},
  ),
});

type GroupOutput = v.InferOutput<typeof GROUP_SCHEMA>;

/** A group of the file, as the VM manager is configured with it. */
export function groupConfig(group: GroupOutput): GroupConfig {
  const { vm, quota, pace, provider } = group;
  const { name, sliceVms, min, max, buffer, priority } = group;
  const gpu = vm.gpu === 0 ? {} : { gpu: vm.gpu * 1_000 };
  const disk = vm.disk === undefined ? {} : { disk: vm.disk };
  const named = Object.entries(vm.resources).map(([key, units]) =>
    [key, Math.round(units * 1_000)] as const
  );
  return {
    group: {
      ...{ name, sliceVms, min, max, buffer, priority },
      cpuMilli: vm.cpu,
      memoryBytes: vm.memory,
      resources: { ...Object.fromEntries(named), ...gpu, ...disk },
      attributes: Object.fromEntries(
        Object.entries(vm.attributes).map(([key, value]) => [key, String(value)]),
      ),
      idleMs: group.idle,
      quotaPool: quota?.pool ?? null,
      quotaRank: quota?.rank ?? 0,
    },
    pace: {
      createsPerMinute: pace.createsPerMinute,
      deletesPerMinute: pace.deletesPerMinute,
      bootTimeoutMs: pace.bootTimeout,
      unhealthyMs: pace.unhealthy,
      stopMs: pace.stopTimeout,
    },
    provider: providerConfig(provider),
  };
}

const MINUTE_MS = 60_000;

function providerConfig(provider: GroupOutput["provider"]): ProviderConfig {
  switch (provider.kind) {
    case "local":
    case "process":
      return { kind: provider.kind };
    case "ssh":
      return {
        kind: "ssh",
        hosts: provider.hosts,
        identityFile: provider.identityFile ?? null,
        knownHostsFile: provider.knownHostsFile ?? null,
        hostKeys: provider.hostKeys,
        configFile: provider.configFile ?? null,
        folder: provider.folder ?? null,
        connectTimeoutMs: provider.connectTimeout,
      };
    case "slurm":
      return {
        kind: "slurm",
        partition: provider.partition ?? null,
        account: provider.account ?? null,
        qos: provider.qos ?? null,
        timeLimitMinutes: provider.timeLimit === undefined
          ? null
          : Math.max(1, Math.floor(provider.timeLimit / MINUTE_MS)),
        options: provider.options,
        sharedFolder: provider.sharedFolder,
        commandFolder: provider.commandFolder ?? null,
      };
    case "fake":
      return {
        kind: "fake",
        bootMs: provider.boot,
        deleteMs: provider.delete,
        quota: provider.quota ?? null,
        script: provider.script,
      };
  }
}
