/** The public door of the client library. */
export type { LogsRequest } from "./log_stream.ts";
export { ExecStream, type TakeOutput } from "./exec_stream.ts";
export { FleetClient } from "./fleet_client.ts";
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
  TaskState,
  TaskView,
  WorkerView,
} from "../wire/api.ts";
