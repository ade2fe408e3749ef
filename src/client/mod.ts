/**
 * The client library of Iris: submits jobs, maps functions over inputs, waits, reads results, logs and
 * events, and tells a task who it is. Runs in Deno, Node 20 and browsers; `docs/client.md` tells how.
 *
 * ```ts ignore
 * import { Iris } from "iris/client";
 *
 * using iris = await Iris.connect();
 * const job = await iris.run({ argv: ["sh", "-c", "echo hello"], replicas: 4 });
 * for await (const { task, text } of job.lines()) console.log(task, text);
 * ```
 *
 * @module
 */
export {
  type EventOptions,
  Iris,
  type JobsOptions,
  type RunOptions,
  type SubmitOptions,
} from "./iris.ts";
export type { BundleFiles } from "./bundle.ts";
export type { ConnectOptions } from "./connect.ts";
export type { CurrentTask, EndpointOptions } from "./current_task.ts";
export { ApiError, ConnectionError, JobError, TaskError } from "./errors.ts";
export {
  type EndedTask,
  type JobHandle,
  type LogOptions,
  type Until,
  type WaitOptions,
} from "./job_handle.ts";
export type { LogLine, LogPiece } from "./log_lines.ts";
export type {
  ConstraintRequest,
  DependencyRequest,
  JobRequest,
  ModuleRequest,
} from "./job_request.ts";
export type { MapModule, MapOptions } from "./map_jobs.ts";
export { Sequence } from "./sequence.ts";
export {
  endOf,
  type EndText,
  type ExitEnd,
  type LimitEnd,
  type LostEnd,
  type NotStartedEnd,
  type SignalEnd,
  type StoppedEnd,
  type TaskEnd,
} from "./task_end.ts";
export type { CallLimits } from "./transport.ts";
export type { LogsRequest } from "./log_stream.ts";
export { ExecStream, type TakeOutput } from "./exec_stream.ts";
export { FleetClient } from "./fleet_client.ts";
export { type NewTokenOptions, TokenClient } from "./token_client.ts";
export type { NewToken, TokenView, WhoAmI } from "../wire/tokens.ts";
export type {
  BUILT_IN_TOKENS,
  BuiltInToken,
  Role,
  TOKEN_ROLES,
  TokenRole,
} from "../wire/token_roles.ts";
export type { GroupExplanation, GroupFacts } from "../wire/group_explanation.ts";
export type {
  AVAILABILITY_STATES,
  AvailabilityState,
  GroupView,
  VM_STATES,
  VmLogLine,
  VmLogs,
  VmLogsRequest,
  VmStateName,
  VmView,
} from "../wire/vms.ts";
export type { FollowVmLogs } from "./vm_log_stream.ts";
export type { ExecRequest, ExecTerminal } from "../wire/exec.ts";
export type {
  AttemptUsage,
  EndedUsage,
  HostUsage,
  ProcessUsage,
  Signalled,
  TaskUsage,
} from "../wire/usage.ts";
export {
  type ClientOptions,
  type EndpointRegistration,
  IrisClient,
  type SubmitRequest,
} from "./iris_client.ts";
export { TASK_SIGNALS, type TaskSignal } from "../wire/signals.ts";
export type {
  BundleAnswer,
  BundleOffer,
  JobOutputs,
  OutputGap,
  OutputView,
} from "../wire/shipping.ts";
export type { EndpointRequest, EndpointView } from "../wire/endpoints.ts";
export { type ErrorCode, IrisError } from "../base/errors.ts";
export type {
  NodeKind,
  NodeState,
  Outcome,
  ReportError,
  Rung,
  StopCause,
  StopReport,
  TreeNode,
} from "../lifecycle/part.ts";
export type { ProgressInput, TaskProgress } from "../wire/returned.ts";
export type { TaskContext, TaskFunction } from "../wire/task_context.ts";
export type { ModuleEntry, TaskOptions } from "../wire/task_options.ts";
export type { WARN_SIGNALS, WarnSignal } from "../wire/limits.ts";
export type { EndCause } from "../wire/reconcile.ts";
export type {
  Band,
  BANDS,
  ClusterStopAnswer,
  ClusterStopRequest,
  Constraint,
  CONSTRAINT_OPS,
  Dependency,
  EVENT_KINDS,
  EventKind,
  EventPage,
  EventView,
  JobExplanation,
  JobSpec,
  JobState,
  JobView,
  LogChunk,
  PlacementExplanation,
  PurgeAnswer,
  SetAside,
  SubmittedJob,
  TaskCounts,
  TaskDetail,
  TaskResult,
  TaskState,
  TaskView,
  WorkerView,
} from "../wire/api.ts";
