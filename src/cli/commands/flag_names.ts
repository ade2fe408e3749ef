/** What the API says of a field of a job, said of the flag that it came from. Pure. */
import { IrisError } from "../../base/errors.ts";

const FLAGS: Readonly<Record<string, string>> = {
  argv: "the command",
  name: "--name",
  replicas: "--replicas",
  entries: "--each-line",
  cpuMilli: "--cpu",
  memoryBytes: "--memory",
  resources: "--resource",
  constraints: "--constraint",
  env: "--env",
  secrets: "--secret-env",
  cwd: "--cwd",
  graceMs: "--grace",
  timeoutMs: "--timeout",
  startTimeoutMs: "--start-timeout",
  retries: "--retries",
  lossRetries: "--loss-retries",
  crashRetries: "--crash-retries",
  backoffMs: "--backoff",
  maxTaskFailures: "--max-task-failures",
  maxRunning: "--max-running",
  band: "--priority",
  gang: "--gang",
  after: "--after",
  ifExists: "--if-exists",
  webhook: "--webhook",
  module: "--module",
  container: "--image",
  bundle: "--bundle",
  ports: "--port",
  warn: "--signal",
  cpuLimitMilli: "--cpu-limit",
  pidsLimit: "--pids",
  logBytes: "--log-limit",
  outputBytes: "--outputs",
  result: "--result",
};

/** Fields that hold one thing for each name. */
const NAMED = ["env", "resources"];

/**
 * What a submit threw, for whoever typed flags: `after.0.job: there is no job x` becomes
 * `--after: there is no job x`. What does not begin with its field stays as it is.
 */
export function inTermsOfFlags(error: unknown): unknown {
  if (!(error instanceof IrisError) || error.field === undefined) return error;
  const head = /^[A-Za-z]+/.exec(error.field)?.[0] ?? "";
  const flag = Object.hasOwn(FLAGS, head) ? FLAGS[head] : undefined;
  const path = /^([A-Za-z]+)(?:\.([^\s:]+))?(?=[\s:])/.exec(error.message);
  if (flag === undefined || path?.[1] !== head) return error;
  // Only of these the user knows the names; others have places in a list, or fields within.
  const which = path[2] !== undefined && NAMED.includes(head) ? ` ${path[2]}` : "";
  const message = `${flag}${which}${error.message.slice(path[0].length)}`;
  return new IrisError(error.code, message, { field: error.field, cause: error });
}
