/**
 * The runtime `container`: the job's command in a container of podman or docker. The keeper starts
 * the engine's client; the client passes signals on, and its exit code is the command's. What the
 * client leaves when it is killed is ended by the plan's cleanup. Pure.
 */
import type { AttemptSpec } from "../../wire/reconcile.ts";
import { jobVariables, plainPlan } from "../launch_plan.ts";
import type { ContainerEngine, LaunchPlan, TaskRuntime, WorkerFacts } from "../task_runtime.ts";
import { CLEAN_UP, RUN, SWEEP } from "./container_scripts.ts";

/** Where the task's working directory, or its bundle, is inside the container. */
export const CONTAINER_CWD = "/work";
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
] as const;

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
    const mounted = spec.cwd !== null || (spec.bundle ?? null) !== null;
    const image = spec.container?.image ?? "";
    return {
      ...plainPlan(spec, {
        argv: [
          ...["/bin/sh", "-c", RUN, engine.path],
          // Ports and the controller's address mean the same inside.
          "--network=host",
          ...limitsOf(spec),
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

/** What may stand in the engine's environment, and what only in its arguments. */
function splitVariables(env: Readonly<Record<string, string>>) {
  const passed: Record<string, string> = {};
  const told: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(env)) {
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
