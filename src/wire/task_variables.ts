/**
 * Every `IRIS_*` variable that Iris sets: for tasks, for a command that is told of a job's end, and for
 * its own use. The reference is made of it, and a test holds real tasks and the sources against it. Those
 * that the command line looks at stand with its flags and in `src/cli/exit_codes.ts`. Pure data.
 */

/** A variable: its name, what it holds, and when a task has it (null: always). */
export interface Variable {
  readonly name: string;
  readonly means: string;
  readonly when: string | null;
}

const variable = (name: string, means: string, when: string | null = null): Variable => ({
  ...{ name, means, when },
});

/** What every task finds in its environment. Names of jobs' own cannot begin with `IRIS_`. */
export const TASK_VARIABLES: readonly Variable[] = [
  variable("IRIS_JOB", "the full name of its job, `/user/job`"),
  variable("IRIS_TASK", "its own full name, `/user/job/3`"),
  variable("IRIS_TASK_INDEX", "its index in the job, from 0"),
  variable("IRIS_REPLICAS", "how many tasks the job has"),
  variable("IRIS_ATTEMPT", "which try at the task this is, from 0"),
  variable("IRIS_WORKER", "the name of its worker"),
  variable("IRIS_CONTROLLER", "the URL of the controller, which commands in the task talk to"),
  variable("IRIS_TOKEN_FILE", "a file with a token for its job: see who may call what in the API"),
  variable("IRIS_CA_FILE", "certificates by which to know the controller", "with TLS"),
  variable("IRIS_ENTRY", "its line of the file", "with `--each-line`"),
  variable("IRIS_PORT_<NAME>", "a TCP port that is its own", "with `--port NAME`"),
  variable("IRIS_BUNDLE_DIR", "the folder that came with the job; read-only", "with `--bundle`"),
  variable("IRIS_OUTPUT_DIR", "a folder of its own whose files are kept", "with `--outputs`"),
  variable(
    "IRIS_RESULT_FILE",
    "where it writes its result, up to 1 MiB of JSON",
    "with `--result` or `--module`",
  ),
  variable(
    "IRIS_PROGRESS_FILE",
    'where it writes how far it is: a fraction, or `{"done":2,"total":8,"message":"..."}`',
    "with `--result` or `--module`",
  ),
];

/** What `job run --notify-command` finds beside the submitter's own environment. */
export const NOTIFY_VARIABLES: readonly Variable[] = [
  variable("IRIS_JOB", "the full name of the job"),
  variable("IRIS_JOB_STATE", "its last state"),
  variable("IRIS_JOB_REASON", "why it ended badly; empty when it did not"),
  variable("IRIS_EXIT_CODE", "what the command ends with"),
];

/** What Iris marks its own processes with, or tells them; not to be set or relied on. */
export const OWN_VARIABLES: readonly Variable[] = [
  variable("IRIS_UID", "whose process this is: every process of an attempt has it"),
  variable("IRIS_VM", "the VM that a worker was started for"),
  variable("IRIS_EXEC", "a command beside a task in a container"),
  variable("IRIS_EXEC_TTY", "that such a command has a terminal"),
  variable("IRIS_EXEC_TERM", "of which kind that terminal is"),
  variable("IRIS_MOUNT_CWD", "where a container has its working directory"),
  variable("IRIS_GRACE_S", "what a container gets to end in"),
  variable("IRIS_WORKER_UID", "whose containers are removed after a keeper that was killed"),
  variable("IRIS_SINGLE_FILE", "which file this program was started from"),
];
