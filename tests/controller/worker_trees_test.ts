/** Trees of workers elsewhere: how many are asked, and what is said of those that do not answer. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { WorkerInfo } from "../../src/controller/messages.ts";
import {
  ASKED_AT_ONCE,
  ELSEWHERE,
  TREE_MS,
  TREES_MS,
  WorkerTrees,
} from "../../src/controller/worker_trees.ts";
import { WorkerNode } from "../../src/controller/worker_node.ts";
import { IrisError } from "../../src/base/errors.ts";
import type { TreeNode } from "../../src/lifecycle/part.ts";
import { ManualClock } from "../fakes/manual_clock.ts";
import { sampleRegistration } from "../support/core_world.ts";

const OWN_PID = 77;

function node(name: string, children: readonly TreeNode[] = []): TreeNode {
  return { name, kind: "component", state: "running", ageMs: 5, children };
}

const OWN = node("iris", [node("w-own")]);

function worker(name: string, more: Partial<WorkerInfo> = {}): WorkerInfo {
  const info = sampleRegistration(name, { url: `http://${name}:1` });
  return { ...new WorkerNode(info, { incarnation: 1, wallMs: 0 }).toInfo(), ...more };
}

/** Workers that answer, are silent, or refuse, and how many were asked at the same time. */
function setup(answers: Record<string, unknown> = {}) {
  const clock = new ManualClock();
  const seen = { now: 0, most: 0, all: 0 };
  const trees = new WorkerTrees({
    clock,
    pid: OWN_PID,
    async post({ url }, _body, signal) {
      const name = new URL(url).hostname;
      seen.all++;
      seen.most = Math.max(seen.most, ++seen.now);
      try {
        const answer = name in answers ? answers[name] : node("iris", [node(name)]);
        if (answer instanceof Error) throw answer;
        if (answer !== "silent") return answer;
        return await new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true })
        );
      } finally {
        seen.now--;
      }
    },
  });
  return { clock, seen, trees };
}

function elsewhere(tree: TreeNode): readonly TreeNode[] {
  const found = tree.children.find(({ name }) => name === ELSEWHERE);
  assert(found !== undefined, "the node is there");
  return found.children;
}

Deno.test("a worker elsewhere is shown with its own tree, and said not to be owned", async () => {
  const { trees } = setup();
  const own = worker("w-own", { pid: OWN_PID });
  const whole = await trees.whole({ own: OWN, workers: [worker("w1"), own], limit: 9 });
  assertEquals(whole.children[0], OWN.children[0]);
  const [one, ...others] = elsewhere(whole);
  assertEquals([one?.name, one?.detail, others.length], [
    "w1",
    "not owned by this process: on host, pid 1",
    0,
  ]);
  assertEquals(one?.children[0]?.children[0]?.name, "w1");
});

Deno.test("a controller without workers elsewhere shows its own tree and nothing else", async () => {
  const { trees } = setup();
  const own = worker("w-own", { pid: OWN_PID });
  assertEquals(await trees.whole({ own: OWN, workers: [own], limit: 9 }), OWN);
});

Deno.test("a worker that only has the name of a part is not taken for it", async () => {
  const { trees } = setup();
  const whole = await trees.whole({ own: OWN, workers: [worker("w-own")], limit: 9 });
  assertEquals(elsewhere(whole).map(({ name }) => name), ["w-own"]);
});

Deno.test("what does not answer is shown with the reason, and what is not well comes first", async () => {
  const refused = new IrisError("unavailable", "it answered 404: No such resource", {
    cause: '{"error":{"code":"not_found"}}',
  });
  const { trees, clock, seen } = setup({
    silent: "silent",
    old: refused,
    gone: new TypeError("connection refused"),
    odd: { name: "x" },
  });
  const workers = [
    ...["fine", "silent", "old", "gone", "odd"].map((name) => worker(name)),
    worker("lost", { state: "lost", reason: "no answer for 50 s" }),
  ];
  const answer = trees.whole({ own: OWN, workers, limit: 9 });
  await clock.advance(TREE_MS);
  const why = Object.fromEntries(
    elsewhere(await answer).map(({ name, unreachable }) => [name, unreachable]),
  );
  assertEquals(Object.keys(why)[0], "lost");
  assertEquals(why.fine, undefined);
  assertEquals(why.lost, "lost: no answer for 50 s");
  assertEquals(why.silent, `no answer within ${TREE_MS} ms`);
  assertEquals(why.old, "its version 0 cannot tell its tree");
  assertMatch(why.gone!, /connection refused/);
  assertMatch(why.odd!, /tree that is without/);
  assertEquals(seen.all, 5, "one that is lost is not asked");
});

Deno.test("a thousand workers are asked a few at a time, and only as many as wanted", async () => {
  const { trees, seen } = setup();
  const workers = Array.from({ length: 1_000 }, (_, at) => worker(`w${at}`));
  const few = elsewhere(await trees.whole({ own: OWN, workers, limit: 50 }));
  assertEquals([seen.all, few.length], [50, 51]);
  assertEquals([few[50]?.name, few[50]?.unreachable], [
    "950 more",
    "not asked: see --workers 1000",
  ]);
  const all = elsewhere(await trees.whole({ own: OWN, workers, limit: 1_000 }));
  assertEquals([all.length, seen.all], [1_000, 1_050]);
  assert(seen.most <= ASKED_AT_ONCE, `${seen.most} at a time`);
});

Deno.test("a thousand workers that hang are given up together, in the time for all", async () => {
  const names = Array.from({ length: 1_000 }, (_, at) => `w${at}`);
  const { trees, clock, seen } = setup(Object.fromEntries(names.map((name) => [name, "silent"])));
  const answer = trees.whole({ own: OWN, workers: names.map((n) => worker(n)), limit: 1_000 });
  await clock.advance(TREES_MS + TREE_MS);
  const nodes = elsewhere(await answer);
  assertEquals(nodes.length, 1_000);
  assert(nodes.every(({ unreachable }) => unreachable !== undefined));
  assert(seen.all <= ASKED_AT_ONCE * (TREES_MS / TREE_MS + 1), `${seen.all} were asked`);
});
