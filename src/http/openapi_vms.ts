/** The rows of `/openapi.json` about VMs and scale groups. */
import * as v from "valibot";
import { GROUP_EXPLANATION_SCHEMA } from "../wire/group_explanation.ts";
import { GROUP_SCHEMA, VM_LOGS_SCHEMA, VM_SCHEMA, VM_STOP_SCHEMA } from "../wire/vms.ts";
import { LINK_REQUEST_SCHEMA } from "../controller/vm_link_schema.ts";
import type { ApiRoute } from "./api_route.ts";

const VM = "/api/v1/vms/:vm";

/** See the head of this file. */
export const VM_ROUTES: readonly ApiRoute[] = [
  {
    ...{ method: "get", path: "/api/v1/vms", status: 200 },
    summary: "VMs of all scale groups.",
    query: { gone: "true: with those that ended within the last hour" },
    answer: v.array(VM_SCHEMA),
  },
  {
    ...{ method: "get", path: VM, status: 200 },
    summary: "One VM, also when it ended lately.",
    answer: VM_SCHEMA,
  },
  {
    ...{ method: "get", path: `${VM}/logs`, status: 200 },
    summary: "What a VM and its bootstrap said last, also when it ended lately.",
    query: {
      tail: "so many last lines; 500 when left out",
      after: "instead so many lines behind this place, which an earlier answer told as `next`",
      waitMs: "with `after`: held for so long while there is nothing new, at most 10000",
    },
    answer: VM_LOGS_SCHEMA,
  },
  {
    ...{ method: "post", path: `${VM}/stop`, status: 202 },
    summary: "End a VM's whole slice, whatever runs there: answered when that was taken.",
    body: VM_STOP_SCHEMA,
    answer: VM_SCHEMA,
  },
  {
    ...{ method: "post", path: `${VM}/reload`, status: 200 },
    summary: "Start a VM's worker anew in place, with the newest program and settings.",
    answer: VM_SCHEMA,
  },
  {
    ...{ method: "get", path: "/api/v1/groups", status: 200 },
    summary: "Scale groups: how many slices each has and shall have, and whether it can get more.",
    answer: v.array(GROUP_SCHEMA),
  },
  {
    ...{ method: "get", path: "/api/v1/groups/:group", status: 200 },
    summary: "One scale group.",
    answer: GROUP_SCHEMA,
  },
  {
    ...{ method: "get", path: "/api/v1/groups/:group/explain", status: 200 },
    summary: "Why a scale group has what it has: what is idle, asked for, on its way or blocked.",
    answer: GROUP_EXPLANATION_SCHEMA,
  },
  {
    ...{ method: "post", path: "/api/v1/vm-managers/:name/link", status: 200 },
    summary: "The long poll of a VM manager in a process of its own; needs the worker token.",
    body: LINK_REQUEST_SCHEMA,
    answer: null,
  },
];
