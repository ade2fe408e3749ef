/** What a VM manager elsewhere may say, as a schema: it is checked before anything is made of it. */
import * as v from "valibot";
import type { TreeNode } from "../lifecycle/part.ts";
import type { LinkRequest } from "../vm/vm_link.ts";
import { MAX_VM_LINES } from "../wire/vm_limits.ts";
import { AVAILABILITY_STATES, VM_STATES } from "../wire/vms.ts";

/** Groups of a VM manager, slices of a group, VMs of a slice: no more are taken in. */
const MAX_GROUPS = 1_000;
const MAX_SLICES = 20_000;
const MAX_SLICE_VMS = 2_000;
const MAX_ENDED = 10_000;
const MAX_MESSAGES = 1_000;
const MAX_TEXT_CHARS = 4_096;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.number(), v.minValue(0));
const name = v.pipe(v.string(), v.regex(/^[\w.-]{1,128}$/, "must be a name"));
// What is longer is cut: it must not cut the link.
const text = v.pipe(v.string(), v.transform((given) => given.slice(0, MAX_TEXT_CHARS)));
const texts = v.record(text, text);

const vm = { vm: name, state: v.picklist(VM_STATES), sinceMs: time, reason: text, phase: text };

const slice = v.object({
  slice: name,
  createdMs: time,
  externalId: v.nullable(text),
  vms: v.pipe(v.array(v.object(vm)), v.maxLength(MAX_SLICE_VMS)),
});

const group = v.object({
  name,
  provider: name,
  sliceVms: count,
  min: count,
  max: count,
  buffer: count,
  priority: v.number(),
  cpuMilli: count,
  memoryBytes: count,
  resources: v.record(text, count),
  attributes: texts,
  idleMs: time,
  quotaPool: v.nullable(text),
  quotaRank: v.number(),
  slices: v.pipe(v.array(slice), v.maxLength(MAX_SLICES)),
  availability: v.object({
    state: v.picklist(AVAILABILITY_STATES),
    untilMs: v.nullable(time),
    reason: text,
  }),
});

const fleet = v.object({
  type: v.literal("fleet"),
  groups: v.pipe(v.array(group), v.maxLength(MAX_GROUPS)),
  ended: v.pipe(v.array(v.object({ ...vm, slice: name, group: name })), v.maxLength(MAX_ENDED)),
});

const answer = v.object({
  type: v.literal("answer"),
  id: count,
  result: v.variant("ok", [
    v.object({
      ok: v.literal(true),
      lines: v.pipe(v.array(v.object({ atMs: time, text: v.string() })), v.maxLength(MAX_VM_LINES)),
      place: v.exactOptional(v.object({ next: count, lost: v.boolean(), over: v.boolean() })),
    }),
    v.object({ ok: v.literal(false), code: text, message: text }),
  ]),
});

// A report is only shown; its shape is that of every other report of this program.
const report = v.custom<LinkReport>((given) =>
  typeof given === "object" && given !== null && "outcome" in given && "children" in given
);

type LinkReport = Extract<LinkRequest["messages"][number], { type: "stopped" }>["report"];

const stopped = v.object({ type: v.literal("stopped"), id: text, report });

// Taken apart by whoever shows it.
const root = v.custom<TreeNode>((given) => typeof given === "object" && given !== null);

const tree = v.object({ type: v.literal("tree"), id: count, tree: root });

const bye = v.object({ type: v.literal("bye") });

/** The body of a VM manager's call. */
export const LINK_REQUEST_SCHEMA = v.object({
  session: name,
  // Empty for one that wants a new link, since its groups are others now.
  link: v.nullable(v.pipe(v.string(), v.maxLength(128))),
  groups: v.pipe(v.array(name), v.minLength(1), v.maxLength(MAX_GROUPS)),
  waitMs: time,
  version: v.string(),
  protocol: count,
  ack: count,
  from: v.pipe(count, v.minValue(1)),
  messages: v.pipe(
    v.array(v.variant("type", [fleet, answer, stopped, tree, bye])),
    v.maxLength(MAX_MESSAGES),
  ),
}, "must be an object") satisfies
  | v.GenericSchema<unknown, LinkRequest>
  | v.GenericSchema<
    LinkRequest,
    LinkRequest
  >;
