/**
 * The runtime `container`: the job's command in a container of podman or docker. The keeper starts
 * the engine's client; the client passes signals on, and its exit code is the command's. What the
 * client leaves when it is killed is ended by the plan's cleanup. Pure.
 */
import type { AttemptSpec } from "../../wire/reconcile.ts";
import { jobVariables, plainPlan } from "../launch_plan.ts";
import type { ContainerEngine, LaunchPlan, TaskRuntime, WorkerFacts } from "../task_runtime.ts";
import { CLEAN_UP, EXEC, RUN, SIGNAL, SWEEP } from "./container_scripts.ts";

/** Where the task's working directory, or its bundle, is inside the container. */
export const CONTAINER_CWD = "/work";
/** Where its bundle is when the task begins outside of it. */
const CONTAINER_BUNDLE = "/bundle";
/** What stands for the command on a worker that has no engine. */
const NO_ENGINE = "podman or docker";

/** Variables that the keeper sets for each attempt, where there is anything to say. */
const ATTEMPT_VARIABLES = [
  "IRIS_TASK",
  "IRIS_TASK_INDEX",
  "IRIS_ATTEMPT",
  "IRIS_ENTRY",
  "IRIS_UID",
  "IRIS_RESULT_FILE",
  "IRIS_PROGRESS_FILE",
  "IRIS_OUTPUT_DIR",
  "IRIS_TOKEN_FILE",
  "IRIS_CA_FILE",
] as const;
/** Variables that decide what is mounted: no job sets them. */
const MOUNTING: ReadonlySet<string> = new Set([
  ...ATTEMPT_VARIABLES,
  ...["IRIS_MOUNT_CWD", "IRIS_BUNDLE_DIR"],
]);

/** A job's variables that would be understood by the engine itself, were they in its environment. */
const ENGINES_OWN =
  /^(PATH|HOME|USER|TMPDIR|LD_.*|GO.*|XDG_.*|DBUS_.*|DOCKER_.*|CONTAINER.*|REGISTRY_.*|.*_PROXY|.*_proxy)$/;

/** Runs containers with the engine that the worker names. */
export const containerRuntime: TaskRuntime = {
  kind: "container",
  plan(spec: AttemptSpec, worker: WorkerFacts): LaunchPlan {
    const engine = worker.containers ?? null;
    // Placed here by mistake: the launch error says what is missing.
    if (engine === null) return plainPlan(spec, { argv: [NO_ENGINE], env: {} });
    const variables = jobVariables(spec, worker);
    const { passed, told } = splitVariables(spec.env);
    const bundle = bundleOf(spec);
    const mounted = spec.cwd !== null && !bundle.holdsCwd;
    const image = spec.container?.image ?? "";
    return {
      ...plainPlan(spec, {
        argv: [
          ...["/bin/sh", "-c", RUN, engine.path],
          // Ports and the controller's address mean the same inside.
          "--network=host",
          ...limitsOf(spec),
          ...bundle.args,
          ...told.map(([name, value]) => `--env=${name}=${value}`),
          ...namesOf(spec, { ...variables, ...passed }).map((name) => `--env=${name}`),
          ...engine.args,
          image,
          ...spec.argv,
        ],
        env: {
          ...passed,
          ...engine.env,
          ...variables,
          ...(mounted ? { IRIS_MOUNT_CWD: CONTAINER_CWD } : {}),
        },
      }),
      cleanup: cleanupBy(engine),
      inside: insideBy(engine),
    };
  },
};

function cleanupBy({ path, env }: ContainerEngine): NonNullable<LaunchPlan["cleanup"]> {
  return {
    argv: ["/bin/sh", "-c", CLEAN_UP, path],
    sweepArgv: ["/bin/sh", "-c", SWEEP, path],
    env,
  };
}

function insideBy({ path, env }: ContainerEngine): NonNullable<LaunchPlan["inside"]> {
  return {
    execArgv: ["/bin/sh", "-c", EXEC, path],
    signalArgv: ["/bin/sh", "-c", SIGNAL, path],
    env,
  };
}

/** How a job's bundle, which all tasks share, is seen inside: it can only be read. */
function bundleOf({ bundle, cwd, env }: AttemptSpec): { args: string[]; holdsCwd: boolean } {
  const folder = (bundle ?? null) === null ? undefined : env.IRIS_BUNDLE_DIR;
  if (folder === undefined) return { args: [], holdsCwd: false };
  const holdsCwd = cwd === null || cwd === folder || cwd.startsWith(`${folder}/`);
  const place = holdsCwd ? CONTAINER_CWD : CONTAINER_BUNDLE;
  const args = [`--volume=${folder}:${place}:ro`, `--env=IRIS_BUNDLE_DIR=${place}`];
  if (!holdsCwd) return { args, holdsCwd };
  return { args: [...args, `--workdir=${place}${cwd?.slice(folder.length) ?? ""}`], holdsCwd };
}

/** What may stand in the engine's environment, and what only in its arguments. */
function splitVariables(env: Readonly<Record<string, string>>) {
  const passed: Record<string, string> = {};
  const told: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (MOUNTING.has(name)) continue;
    if (ENGINES_OWN.test(name)) told.push([name, value]);
    else passed[name] = value;
  }
  return { passed, told };
}

/** Names whose values the client takes from its own environment; those it lacks stay unset. */
function namesOf(spec: AttemptSpec, variables: Readonly<Record<string, string>>): string[] {
  const ports = (spec.ports ?? []).map((name) => `IRIS_PORT_${name.toUpperCase()}`);
  return [...Object.keys(variables), ...ATTEMPT_VARIABLES, ...ports];
}

function limitsOf({ memoryBytes, cpuLimitMilli, pidsLimit }: AttemptSpec): string[] {
  const cores = cpuLimitMilli ?? null;
  const pids = pidsLimit ?? null;
  return [
    ...(memoryBytes > 0 ? [`--memory=${memoryBytes}b`] : []),
    ...(cores === null ? [] : [`--cpus=${cores / 1000}`]),
    ...(pids === null ? [] : [`--pids-limit=${pids}`]),
  ];
}
