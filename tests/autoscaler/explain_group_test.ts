import { assertEquals } from "@std/assert";
import { blockText, clockText, timeText } from "../../src/autoscaler/block_text.ts";
import { decide } from "../../src/autoscaler/decide.ts";
import { explainGroup, groupFacts } from "../../src/autoscaler/explain_group.ts";
import type { GroupDecision } from "../../src/autoscaler/group_plan.ts";
import { scalingNotes } from "../../src/autoscaler/scaling_notes.ts";
import { FakeFleet } from "../fakes/fake_fleet.ts";
import { scaleGroup } from "../fakes/scale_groups.ts";
import { job, NOW_MS, room } from "../support/pass_samples.ts";

const NOON_MS = Date.UTC(2026, 0, 1, 12);
const NOTHING: GroupDecision = {
  ...{ group: "cpu", have: 0, needed: 0, coming: 0, asked: 0, count: 0, reason: "", remove: [] },
  ...{ idle: [], asking: [], awaited: [], blocked: null },
};

function lines(more: Partial<GroupDecision>, view: Partial<ReturnType<FakeFleet["group"]>> = {}) {
  const nameOf = (generation: number) => `/u/job${generation}`;
  const facts = groupFacts({ ...NOTHING, ...more }, { nowMs: NOON_MS, nameOf });
  const group = { ...new FakeFleet().group("cpu"), min: 0, ...view };
  return explainGroup(group, facts, NOON_MS).lines.slice(1);
}

Deno.test("an explanation says what is idle and when it goes, and what is kept", () => {
  const idle = [
    { slice: "cpu-3", idleMs: 120_000, goesInMs: 0 },
    { slice: "cpu-4", idleMs: 60_000, goesInMs: 180_000 },
    { slice: "cpu-5", idleMs: 0, goesInMs: 300_000 },
  ];
  assertEquals(lines({ have: 3, count: 3, idle }, { buffer: 1 }), [
    "3 idle: cpu-3 goes now, cpu-4 goes in 3m, 1 kept (min 0, buffer 1)",
  ]);
  assertEquals(
    lines({ have: 3, count: 5, asked: 2, idle, asking: [{ generation: 7, tasks: 12 }] }),
    [
      "3 idle: 3 kept (while more is asked for)",
      "asked for 2 more: job /u/job7 has 12 tasks that fit nowhere",
    ],
  );
  const availability = { state: "halted", untilMs: null, reason: "3 failed" } as const;
  assertEquals(lines({ have: 3, count: 3, idle }, { availability }), [
    "3 idle: 3 kept (while it is halted)",
    "blocked: halted (3 failed)",
  ]);
  const never = [{ slice: "w0", idleMs: 5, goesInMs: Infinity }];
  assertEquals(lines({ have: 1, idle: never }), ["1 idle: w0 never goes by itself"]);
});

Deno.test("an explanation says for whom something is on its way, and what is in the way", () => {
  const awaited = Array.from({ length: 7 }, (_, at) => ({ generation: at, tasks: 1, vms: 1 }));
  const availability = { state: "quota", untilMs: NOON_MS + 240_000, reason: "5 is all" } as const;
  assertEquals(lines({ have: 1, coming: 1, awaited: awaited.slice(0, 1) }, { availability }), [
    "on the way: job /u/job0 has 1 task that will fit",
    "blocked: no quota until 12:04 UTC (5 is all)",
  ]);
  assertEquals(lines({ awaited }, { heard: false, manager: "m" }).map((line) => line.slice(-40)), [
    "b4 has 1 task that will fit, and 2 more jobs".slice(-40),
    "er m is not heard: nothing is asked of it".slice(-40),
  ]);
  const view = new FakeFleet().group("cpu");
  assertEquals(explainGroup(view, null, NOON_MS).lines, ["cpu: nothing was decided yet"]);
});

Deno.test("a job that waits is told what is on its way for it, or why nothing will come", () => {
  const coming = { slice: "a-0", vms: [{ vm: "a-0", state: "BOOTING" as const }] };
  const size = { cpuMilli: 4_000, memoryBytes: 1_000 };
  const groups = [
    { ...scaleGroup({ name: "a", min: 0, max: 2, ...size }), slices: [coming] },
    {
      ...{ ...scaleGroup({ name: "b", min: 0, ...size }), slices: [] },
      availability: { state: "quota", untilMs: NOON_MS, reason: "none" } as const,
    },
  ];
  const jobs = [
    job(1, 4),
    job(2, 3, { cpuMilli: 4_000, submittedAtMs: 2 }),
    job(3, 1, { cpuMilli: 9_000 }),
  ];
  const decision = decide({
    ...{ nowMs: NOW_MS, jobs, groups, usage: {} },
    workers: [room("x", 0)].map(
      (one) => ({ ...one, held: 0, retiring: false, idleForMs: 0 }),
    ),
  });
  assertEquals(scalingNotes(decision), [
    { generation: 1, line: "a worker is on its way for it in group a" },
    {
      generation: 2,
      line:
        "group a is asked for workers for a task of it; no group can make a worker for 2 tasks " +
        "of it: a: has its most, 2; b: no quota until 12:00 UTC (none)",
    },
    {
      generation: 3,
      line: "no group can make a worker for a task of it: a: 4 cores of the 9 needed; " +
        "b: 4 cores of the 9 needed",
    },
  ]);
});

Deno.test("times are no more exact than anybody wants to know", () => {
  assertEquals([89_000, 100_000, 3 * 60_000, 125 * 60_000].map(timeText), [
    ...["89s", "2m", "3m", "2h 5m"],
  ]);
  assertEquals([clockText(NOON_MS), clockText(NOON_MS + 1)], ["12:00 UTC", "12:00:01 UTC"]);
  assertEquals(blockText({ state: "ok", untilMs: null, reason: "" }), null);
  assertEquals(
    blockText({ state: "halted", untilMs: null, reason: "4 of 4 failed" }),
    "halted (4 of 4 failed)",
  );
});
