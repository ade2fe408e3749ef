/** The public door of the client library. */
export { type ClientOptions, IrisClient, type SubmitRequest } from "./iris_client.ts";
export { type ErrorCode, IrisError } from "../base/errors.ts";
export type {
  ClusterStopAnswer,
  ClusterStopRequest,
  JobState,
  JobView,
  LogChunk,
  TaskState,
  TaskView,
  WorkerView,
} from "../wire/api.ts";
