/**
 * What is submitted to Slurm: the arguments of `sbatch`, the script of an allocation, which starts a
 * step with one task on each node, and the script of that task, which has a worker and clears up after
 * it. POSIX shell. Pure.
 *
 * A worker is asked to end by SIGURG to the step. Slurm signals every process of a step at once, tasks
 * of Iris too, and SIGURG is one that does nothing to who did not ask for it: the script of the node
 * hands it on to the worker as SIGTERM, which then ends its tasks in order.
 */
import type { SlurmProviderConfig } from "../provider_config.ts";
import type { ScaleGroup } from "../scale_group.ts";
import { workerArgs, type WorkerLaunch } from "../worker_launch.ts";
import type { NodeProgram } from "./node_program.ts";
import { NO_FOLDER_CODE } from "./slurm_end.ts";

/** The signal that asks workers to end. */
export const ASK_SIGNAL = "URG";
/** What a worker needs itself, beside what it offers to tasks. */
const WORKER_BYTES = 512 * 1024 ** 2;
const MIB = 1024 ** 2;
/** Workers hear so long before the end of an unknown time limit, in seconds; and at most. */
const WARN_SECONDS = 60;
const MAX_WARN_SECONDS = 120;
/** Stand for what only the node knows. */
const VM_MARK = "@vm";
const STATE_MARK = "@state";

/** What the scripts of a slice are made from. */
export interface ScriptFacts {
  readonly cluster: string;
  readonly group: ScaleGroup;
  readonly slice: string;
  /** Of the slice, in the shared folder. */
  readonly folder: string;
  /** Where Slurm's commands are on nodes too; null for the PATH. */
  readonly commandFolder: string | null;
  readonly program: NodeProgram;
  readonly launch: WorkerLaunch;
}

/** Where the token is, below the slice's folder. */
export const TOKEN_FILE = "token";
/** Where the certificate is. */
export const TRUST_FILE = "ca.pem";

/** A word for a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The arguments of `sbatch` for a slice. */
export function sbatchArgs(
  config: SlurmProviderConfig,
  of: { group: ScaleGroup; folder: string; name: string; comment: string },
): string[] {
  const { group, folder, name, comment } = of;
  const { partition, account, qos, timeLimitMinutes } = config;
  const gpus = Math.ceil((group.resources.gpu ?? 0) / 1_000);
  return [
    ...[`--nodes=${group.sliceVms}`, `--ntasks=${group.sliceVms}`, "--ntasks-per-node=1"],
    `--cpus-per-task=${cpusOf(group)}`,
    `--mem=${Math.ceil((group.memoryBytes + WORKER_BYTES) / MIB)}M`,
    ...(gpus > 0 ? [`--gres=gpu:${gpus}`] : []),
    ...(partition === null ? [] : [`--partition=${partition}`]),
    ...(account === null ? [] : [`--account=${account}`]),
    ...(qos === null ? [] : [`--qos=${qos}`]),
    ...(timeLimitMinutes === null ? [] : [`--time=${timeLimitMinutes}`]),
    ...config.options,
    ...["--parsable", `--job-name=${name}`, `--comment=${comment}`, "--no-requeue"],
    `--signal=${ASK_SIGNAL}@${warnSeconds(timeLimitMinutes)}`,
    ...[`--output=${folder}/batch.log`, "--open-mode=append", "--chdir=/", "--export=ALL"],
    `${folder}/batch.sh`,
  ];
}

function cpusOf({ cpuMilli }: ScaleGroup): number {
  return Math.max(1, Math.ceil(cpuMilli / 1_000));
}

function warnSeconds(minutes: number | null): number {
  return minutes === null ? WARN_SECONDS : Math.min(MAX_WARN_SECONDS, Math.floor(minutes * 60 / 4));
}

/** The script of the allocation. */
export function batchScript({ folder, group, commandFolder }: ScriptFacts): string {
  const { sliceVms } = group;
  return `#!/bin/sh
# Made by Iris: an allocation with one worker on each node.
umask 077
folder=${quoted(folder)}
# One that nobody knows any more, or that shall go already, ends at once.
[ -e "$folder/vms" ] || exit ${NO_FOLDER_CODE}
if [ -e "$folder/stop" ]; then exit 0; fi
${commandFolder === null ? "" : `PATH=${quoted(commandFolder)}:"$PATH"; export PATH`}
# It ends when the step does, which hears of the end as well.
trap : TERM URG
srun --nodes=${sliceVms} --ntasks=${sliceVms} --ntasks-per-node=1 --cpus-per-task=${
    cpusOf(group)
  } \\
  --input=none --kill-on-bad-exit=0 --wait=0 --cpu-bind=none --unbuffered \\
  --output="$folder/node-%t.log" --open-mode=append /bin/sh "$folder/node.sh" &
step=$!
while :; do
  wait "$step"
  code=$?
  kill -0 "$step" 2>/dev/null || exit "$code"
done
`;
}

/** The script of a node. */
export function nodeScript(facts: ScriptFacts): string {
  const { folder, cluster, program } = facts;
  const env = Object.entries(program.env).map(([key, value]) =>
    `${key}=${quoted(value)}; export ${key}`
  );
  const command = program.command.map(quoted).join(" ");
  return `# Made by Iris: a worker on one node of an allocation.
umask 077
folder=${quoted(folder)}
number=$SLURM_PROCID
vm=$(sed -n "$((number + 1))p" "$folder/vms")
[ -n "$vm" ] || { echo "no VM has the number $number"; exit 1; }
# What a worker keeps lies on the node itself.
mine="\${TMPDIR:-/tmp}/iris-${cluster}-$(id -u)"
state="$mine-$SLURM_JOB_ID-$number"
worker=
asked=
${env.join("\n")}
ask() {
  asked=1
  # A redirection of the shell's own that fails, where the folder is gone, would end the shell.
  [ -e "$folder/stop" ] || touch "$folder/warned" 2>/dev/null
  if [ -n "$worker" ]; then kill -TERM "$worker" 2>/dev/null; fi
}
trap ask URG TERM
if [ -e "$folder/stop" ]; then exit 0; fi
# What allocations left here that were killed with all they had; one that lives refuses.
for old in "$mine"-*; do
  if [ "$old" != "$state" ] && [ -e "$old/marker-id" ]; then
    { ${command} worker clear --state-dir="$old" && rm -rf "$old"; } >/dev/null 2>&1 &
  fi
done
${command} ${words(facts)} &
worker=$!
if [ -n "$asked" ]; then kill -TERM "$worker" 2>/dev/null; fi
while :; do
  wait "$worker"
  code=$?
  kill -0 "$worker" 2>/dev/null || break
done
trap '' URG TERM
if [ "$code" != 0 ] && [ -e "$state/marker-id" ]; then
  ${command} worker clear --state-dir="$state" || exit "$code"
fi
rm -rf "$state"
echo "$code" > "$folder/new-$number" && mv "$folder/new-$number" "$folder/ended-$number"
exit "$code"
`;
}

/** The arguments of the worker, as words for the shell. */
function words({ launch, group, slice, folder }: ScriptFacts): string {
  const args = workerArgs(launch, {
    ...{ vm: VM_MARK, slice, group, controllerUrls: launch.controllerUrls },
    place: {
      stateDir: STATE_MARK,
      tokenFile: `${folder}/${TOKEN_FILE}`,
      trustFile: launch.trust === null ? null : `${folder}/${TRUST_FILE}`,
    },
  });
  return args.map((arg) => {
    if (arg === `--name=${VM_MARK}`) return `--name="$vm"`;
    return arg === `--state-dir=${STATE_MARK}` ? `--state-dir="$state"` : quoted(arg);
  }).join(" ");
}

/** Options of `sbatch` that are not a group's to choose; their beginnings stand for them too. */
const OURS = [
  ...["array", "batch", "chdir", "clusters", "cluster", "comment", "error", "export", "help"],
  ...["export-file", "get-user-env", "input", "job-name", "no-requeue", "nodes", "ntasks"],
  ...["ntasks-per-node", "open-mode", "output", "parsable", "requeue", "signal", "test-only"],
  ...["usage", "version", "wait", "wrap"],
];
const OURS_SHORT = /^-[aDeHhiJMNnoVW]/;

/** What is wrong with further options of `sbatch`; null when nothing is. */
export function wrongOption(options: readonly string[]): string | null {
  for (const option of options) {
    if (!/^-[A-Za-z]|^--[a-z]/.test(option)) {
      return `${
        JSON.stringify(option)
      } is no option: write one with its value as one word, as in ` +
        "--constraint=intel";
    }
    const name = option.match(/^--([\w-]+)/)?.[1];
    const isOurs = name === undefined
      ? OURS_SHORT.test(option)
      : OURS.some((ours) => ours.startsWith(name));
    if (isOurs) return `${option} is chosen by Iris itself`;
  }
  return null;
}
