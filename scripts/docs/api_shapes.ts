/** The shapes of the API that have a name in its page: those that several routes share, or that are long. */
import type * as v from "valibot";
import { ENDPOINT_REQUEST_SCHEMA, ENDPOINT_SCHEMA } from "../../src/wire/endpoints.ts";
import { GROUP_EXPLANATION_SCHEMA } from "../../src/wire/group_explanation.ts";
import { JOB_SPEC_SCHEMA } from "../../src/wire/job_spec.ts";
import { BUNDLE_ANSWER_SCHEMA, JOB_OUTPUTS_SCHEMA } from "../../src/wire/shipping.ts";
import { NEW_TOKEN_SCHEMA, TOKEN_SCHEMA, WHO_AM_I_SCHEMA } from "../../src/wire/tokens.ts";
import { HOST_USAGE_SCHEMA, TASK_USAGE_SCHEMA } from "../../src/wire/usage_schema.ts";
import { GROUP_SCHEMA, VM_LOGS_SCHEMA, VM_SCHEMA } from "../../src/wire/vms.ts";
import {
  ERROR_SCHEMA,
  EVENT_PAGE_SCHEMA,
  EXPLANATION_SCHEMA,
  JOB_SCHEMA,
  SUBMITTED_SCHEMA,
  TASK_DETAIL_SCHEMA,
  TASK_RESULT_SCHEMA,
  TASK_SCHEMA,
  WORKER_SCHEMA,
} from "../../src/wire/view_schemas.ts";

/** See the head of this file. */
export const API_SHAPES: Readonly<Record<string, v.GenericSchema>> = {
  Error: ERROR_SCHEMA,
  NewJob: JOB_SPEC_SCHEMA,
  SubmittedJob: SUBMITTED_SCHEMA,
  Job: JOB_SCHEMA,
  JobSpec: JOB_SCHEMA.entries.spec,
  JobCounts: JOB_SCHEMA.entries.counts,
  Task: TASK_SCHEMA,
  TaskDetail: TASK_DETAIL_SCHEMA,
  TaskResult: TASK_RESULT_SCHEMA,
  TaskUsage: TASK_USAGE_SCHEMA,
  JobExplanation: EXPLANATION_SCHEMA,
  JobOutputs: JOB_OUTPUTS_SCHEMA,
  Bundle: BUNDLE_ANSWER_SCHEMA,
  NewEndpoint: ENDPOINT_REQUEST_SCHEMA,
  Endpoint: ENDPOINT_SCHEMA,
  EventPage: EVENT_PAGE_SCHEMA,
  Worker: WORKER_SCHEMA,
  HostUsage: HOST_USAGE_SCHEMA,
  Vm: VM_SCHEMA,
  VmLogs: VM_LOGS_SCHEMA,
  Group: GROUP_SCHEMA,
  GroupExplanation: GROUP_EXPLANATION_SCHEMA,
  Token: TOKEN_SCHEMA,
  NewToken: NEW_TOKEN_SCHEMA,
  WhoAmI: WHO_AM_I_SCHEMA,
};
