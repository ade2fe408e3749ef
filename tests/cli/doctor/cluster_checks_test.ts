import { assertEquals, assertMatch } from "@std/assert";
import { certificate, health, judge, LONG_MS } from "../../../src/cli/doctor/cluster_checks.ts";
import type { ClusterFacts, WorkerFacts } from "../../../src/cli/doctor/cluster_facts.ts";
import type { Finding } from "../../../src/cli/doctor/finding.ts";
import type { TreeNode } from "../../../src/lifecycle/part.ts";
import type { JobExplanation, JobView, WorkerView } from "../../../src/wire/api.ts";
import type { GroupView } from "../../../src/wire/vms.ts";

const NOW = 1_800_000_000_000;
const TREE: TreeNode = {
  ...{ name: "iris", kind: "component", state: "running", ageMs: 1, children: [] } as const,
};

function worker(name: string, more: Partial<WorkerView> = {}): WorkerView {
  return {
    ...{ name, url: "http://w", state: "alive", hostname: "h", version: "1.0.0", pid: 1 } as const,
    ...{ reason: null, drained: null, setAside: null, cpuMilli: 1, memoryBytes: 1 },
    ...{ resources: {}, attributes: {}, running: 0, backlog: 0, lastSeenMs: 1 },
    ...more,
  };
}

function known(name: string, of: { aheadMs?: number; diskShare?: number } = {}): WorkerFacts {
  const { aheadMs = 0, diskShare = 0.5 } = of;
  const own = { pid: 1, cpuMs: 1, memoryBytes: 1 };
  return {
    worker: worker(name),
    aheadMs,
    host: {
      ...{ atMs: NOW, cpuMilli: 1, load: 0, memoryBytes: 1, memoryTotalBytes: 2 },
      ...{ diskBytes: diskShare * 1e12, diskTotalBytes: 1e12, worker: own, keeper: own },
    },
  };
}

function findings(more: Partial<ClusterFacts>): Finding[] {
  const facts = {
    ...{ wallMs: NOW, version: "1.0.0", tree: TREE, workers: [known("w1")] },
    ...{ groups: [], pending: [], ...more },
  };
  return judge(facts, { version: "1.0.0" });
}

/** What is not well, as `check verdict: says`. */
function bad(more: Partial<ClusterFacts>): string[] {
  return findings(more).filter(({ verdict }) => verdict !== "ok")
    .map(({ check, verdict, says }) => `${check} ${verdict}: ${says}`);
}

Deno.test("of a cluster that is well nothing is said but that", () => {
  assertEquals(bad({}), []);
  for (const { verdict, remedy } of findings({})) assertEquals([verdict, remedy], ["ok", ""]);
});

Deno.test("what is not well says what to do", () => {
  const all = findings({
    tree: { ...TREE, children: [{ ...TREE, name: "core", stalled: true, lastTickMs: 9_000 }] },
    workers: [{ worker: worker("w", { state: "lost", reason: "r" }), host: "lost", aheadMs: null }],
  });
  for (const { verdict, remedy } of all) assertEquals(verdict === "ok", remedy === "");
});

Deno.test("a loop without a sign of life is a failure that names its place", () => {
  const core = { ...TREE, name: "core", kind: "loop", stalled: true, lastTickMs: 9_000 } as const;
  const tree = { ...TREE, children: [{ ...TREE, name: "controller", children: [core] }] };
  assertEquals(bad({ tree }), ["loops fail: no sign of life of iris/controller/core (9 s)"]);
});

Deno.test("workers that are lost, do not answer or get nothing new are told apart", () => {
  const of = (name: string, more: Partial<WorkerView>): WorkerFacts => ({
    ...{ worker: worker(name, more), host: "it is not alive", aheadMs: null },
  });
  const said = bad({
    workers: [
      known("w1"),
      of("w2", { state: "lost", reason: "connection refused" }),
      of("w3", { state: "suspect", reason: "no answer in time" }),
      { ...known("w4"), worker: worker("w4", { reason: "drained: asked for" }) },
      of("w5", {}),
    ],
  });
  assertEquals(said, [
    "workers fail: lost: w2 (connection refused)",
    "workers warn: suspect: w3 (no answer in time)",
    "workers warn: nothing new for w4 (drained: asked for)",
    "workers warn: their hosts cannot be asked: w5 (it is not alive)",
  ]);
  assertMatch(bad({ workers: [] })[0] ?? "", /workers warn: there is none/);
});

Deno.test("clocks that are apart are a warning, and a failure when it is a minute", () => {
  assertEquals(bad({ workers: [known("w1", { aheadMs: 1_500 })] }), []);
  assertMatch(
    bad({ workers: [known("w1", { aheadMs: 3_000 })] })[0] ?? "",
    /warn: w1 is 3\.0 s ahead/,
  );
  const far = bad({ workers: [known("w1"), known("w2", { aheadMs: -61_000 })] });
  assertMatch(far[0] ?? "", /clocks fail: w2 is 61\.0 s behind/);
});

Deno.test("full disks of workers are failures, almost full ones warnings", () => {
  const said = bad({
    workers: [known("a", { diskShare: 0.99 }), known("b", { diskShare: 0.93 }), known("c")],
  });
  assertEquals(said, [
    "disks fail: full: a 99 % of 931.3 GiB",
    "disks warn: almost full: b 93 % of 931.3 GiB",
  ]);
});

Deno.test("many of one kind are counted, not listed", () => {
  const workers = Array.from({ length: 50 }, (_, n): WorkerFacts => ({
    ...{ worker: worker(`w${n}`, { state: "lost", reason: "r" }), host: "-", aheadMs: null },
  }));
  assertMatch(bad({ workers })[0] ?? "", /w4 \(r\), and 45 more$/);
});

Deno.test("groups that are blocked, or of which nobody is heard, are named with why", () => {
  const group = (name: string, more: Partial<GroupView>) =>
    ({
      name,
      heard: true,
      manager: "m",
      availability: { state: "ok", untilMs: null, reason: "" },
      ...more,
    }) as GroupView;
  const said = bad({
    groups: [
      group("good", {}),
      group("poor", { availability: { state: "quota", untilMs: null, reason: "no more cores" } }),
      group("mute", { heard: false }),
    ],
  });
  assertEquals(said, [
    "groups warn: poor: quota: no more cores",
    "groups fail: mute: its VM manager m is not heard",
  ]);
});

Deno.test("a job that waits for long is told with the reason, one that is held or depends is not", () => {
  const job = (name: string, more: Partial<JobView> = {}) =>
    ({
      name,
      submittedAtMs: NOW - LONG_MS - 60_000,
      held: false,
      reason: null,
      ...more,
    }) as JobView;
  const explanation = (reason: string, waitsFor: unknown[] = []) =>
    ({ reason, waitsFor }) as unknown as JobExplanation;
  const said = bad({
    pending: [
      { job: job("/u/big"), explanation: explanation("no worker has 64 cores") },
      { job: job("/u/new", { submittedAtMs: NOW - 1_000 }), explanation: null },
      { job: job("/u/held", { held: true }), explanation: null },
      { job: job("/u/after"), explanation: explanation("waits", [{}]) },
    ],
  });
  assertEquals(said, ["pending warn: /u/big waits for 6 min: no worker has 64 cores"]);
});

Deno.test("versions that differ are warnings", () => {
  const other: WorkerFacts = { ...known("w2"), worker: worker("w2", { version: "0.9.0" }) };
  assertEquals(bad({ workers: [known("w1"), other] }), [
    "worker versions warn: beside 1.0.0 there are 0.9.0",
  ]);
  assertEquals(bad({ version: "0.9.0", workers: [other] }), [
    "version warn: the controller is 0.9.0, this is 1.0.0",
  ]);
});

Deno.test("a certificate is judged by when it begins and ends", () => {
  const day = 24 * 3_600_000;
  const of = (from: number, until: number) =>
    certificate({ fromMs: NOW + from * day, untilMs: NOW + until * day, wallMs: NOW }).verdict;
  assertEquals([of(-1, 100), of(-1, 3), of(-10, -1), of(1, 100)], ["ok", "warn", "fail", "fail"]);
});

Deno.test("what the controller knows to be wrong with itself is a failure, a line each", () => {
  const problems = ["core: The disk takes no more", "iris/core: no sign of life\nfor 9 ms"];
  const told = health({ problems, closing: false });
  assertEquals(told.map(({ verdict }) => verdict), ["fail", "fail"]);
  assertEquals(told[1]?.says.includes("\n"), false);
  assertEquals(health({ problems: [], closing: true })[0]?.verdict, "warn");
  assertEquals(health({}).map(({ verdict }) => verdict), ["ok"]);
});
