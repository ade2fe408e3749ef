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

const duration = (help: string) =>
  quantity(parseDuration, "a duration (examples: 500ms, 10s, 5m, 2h)", `${help} (TIME)`);
const size = (help: string) =>
  quantity(parseSize, "a size (examples: 512MB, 2GiB)", `${help} (SIZE)`);
const cores = (help: string) =>
  quantity(parseCores, "a number of cores above 0 (examples: 0.5, 2, 250m)", `${help} (CORES)`);

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

/** Says what a key means: editors show it, and the reference is made of it. */
function means<S extends v.GenericSchema>(help: string, schema: S) {
  return v.pipe(schema, v.description(help));
}

const kind = <const K extends string>(name: K, help: string) => means(help, v.literal(name));

/** The `provider` of a group. */
export const PROVIDER_SCHEMA = v.variant("kind", [
  v.strictObject({ kind: kind("local", "workers inside this process; `--mode=local` only") }),
  v.strictObject({ kind: kind("process", "workers as processes of this program on this host") }),
  v.strictObject({
    kind: kind("ssh", "hosts that are there already; a VM is the use of one"),
    hosts: means(
      "`host`, `port` and `user` of each, or `user@host:port`",
      v.pipe(v.array(host), v.minLength(1, "It is empty: name at least one host")),
    ),
    identityFile: v.optional(means("a private key; else what the ssh client has", text)),
    knownHostsFile: v.optional(means("where host keys are known from", text)),
    hostKeys: v.optional(
      means(
        "`strict` refuses a key that is not known, `accept-new` notes and takes it",
        v.picklist(["strict", "accept-new"]),
      ),
      "strict",
    ),
    configFile: v.optional(means("a configuration of the ssh client but the user's own", text)),
    folder: v.optional(means("where things lie on hosts; `.iris` in the user's home", text)),
    connectTimeout: v.optional(duration("until a host has let us in"), "10s"),
  }),
  v.strictObject({
    kind: kind("slurm", "allocations of Slurm; its commands are on this host"),
    sharedFolder: means("a folder that this host and the nodes see", text),
    partition: v.optional(means("`sbatch --partition`", text)),
    account: v.optional(means("`sbatch --account`", text)),
    qos: v.optional(means("`sbatch --qos`", text)),
    timeLimit: v.optional(duration("how long an allocation lasts; else the partition's")),
    options: v.optional(means("further options of `sbatch`", v.array(text)), []),
    commandFolder: v.optional(means("where `sbatch` and the others are; else the PATH", text)),
  }),
  v.strictObject({
    kind: kind("fake", "makes nothing, and says what it is told to: for trying things out"),
    boot: v.optional(duration("how long a VM takes to come up"), "1s"),
    delete: v.optional(duration("how long it takes to go"), "1s"),
    quota: v.optional(means("slices beyond so many are refused", count(0, MAX_SLICES))),
    script: v.optional(means("what becomes of slices, in order", v.array(FAKE_STEP)), []),
  }),
], (issue) => `${shown(issue.input)} is not one of local, process, ssh, slurm, fake`);

const VM = v.strictObject({
  cpu: cores("cores that a VM's worker offers"),
  memory: size("memory that it offers"),
  disk: v.optional(size("disk that it offers")),
  gpu: v.optional(means("GPUs that it offers", count(0, 1_024)), 0),
  resources: v.optional(
    means(
      "named resources, for instance `licence: 2`",
      v.record(name, v.pipe(v.number(), v.minValue(0, "It is less than nothing"))),
    ),
    {},
  ),
  attributes: v.optional(
    means(
      "what constraints of jobs look at; `group` and `slice` come by themselves",
      v.record(text, v.union([v.string(), v.number(), v.boolean()])),
    ),
    {},
  ),
});

const PACE = v.strictObject({
  createsPerMinute: v.optional(means("slices asked for in a minute", count(1, 6_000)), 16),
  deletesPerMinute: v.optional(means("slices given back in a minute", count(1, 6_000)), 32),
  bootTimeout: v.optional(
    duration("from the request to a worker that is ready; after it the slice has failed"),
    "10m",
  ),
  unhealthy: v.optional(duration("a slice that is ill for so long is replaced"), "1m"),
  stopTimeout: v.optional(
    duration("what a VM's worker gets to end in when its slice goes"),
    "30s",
  ),
});

const slices = (help: string) => means(help, count(0, MAX_SLICES));

/** One of `groups`. */
export const GROUP_SCHEMA = v.strictObject({
  name: means("its VMs are called `NAME-0`, `NAME-1` ...", name),
  provider: means("what makes its VMs", PROVIDER_SCHEMA),
  vm: means("what each VM has to give", VM),
  sliceVms: v.optional(
    means("VMs of a slice: they come and go together", count(1, MAX_SLICE_VMS)),
    1,
  ),
  min: v.optional(slices("never fewer slices than this"), 0),
  max: slices("never more slices than this"),
  buffer: v.optional(slices("slices kept ready beyond what has work, within `max`"), 0),
  priority: v.optional(
    means("of groups that fit a job, the higher one is asked first", count(-1_000, 1_000)),
    0,
  ),
  idle: v.optional(duration("how long without work before a slice goes"), "5m"),
  quota: v.optional(means(
    "groups of one `pool` share a quota",
    v.strictObject({
      pool: means("the name that such groups share", name),
      rank: v.optional(
        means("one that is refused speaks for those of its rank and above", count(0, 1_000)),
        0,
      ),
    }),
  )),
  pace: v.optional(means("how fast the group may change, and how long its VMs may take", PACE), {}),
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
