/** The tree of a controller whose workers are other processes: the real programs, one frozen, one killed. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ELSEWHERE } from "../../src/controller/worker_trees.ts";
import type { TreeNode } from "../../src/lifecycle/part.ts";
import {
  clientOf,
  type IrisProcess,
  makeWorld,
  startIris,
  type World,
} from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";

const UP_MS = 30_000;
/** A tree must be there by then, whatever hangs, in ms. */
const TREE_LIMIT_MS = 10_000;

async function treeOf(world: World, flags: string[] = []): Promise<readonly TreeNode[]> {
  const process = startIris(world, ["tree", "--json", ...flags]);
  const begun = performance.now();
  const { code } = await process.ended;
  assertEquals(code, 0, process.output().stderr);
  assert(performance.now() - begun < TREE_LIMIT_MS, "it hung");
  const tree = JSON.parse(process.output().stdout) as TreeNode;
  return tree.children.find(({ name }) => name === ELSEWHERE)?.children ?? [];
}

function namesIn(node: TreeNode | undefined): string[] {
  return node === undefined ? [] : [node.name, ...node.children.flatMap(namesIn)];
}

async function end(process: IrisProcess): Promise<void> {
  Deno.kill(process.pid, "SIGTERM");
  await process.ended;
}

Deno.test(
  "the tree shows workers of other processes, and why one does not answer",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = startIris(world, [
      ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
    ]);
    await clientOf(world, controller);
    const [, url = ""] = await controller.printed(/(http:\/\/127\.0\.0\.1:\d+)/, UP_MS);
    const workers = ["w1", "w2"].map((name) =>
      startIris(world, [
        ...["--mode=worker", "--controller", url, "--name", name],
        ...["--token-file", `${world.stateDir}/worker-token`, `--state-dir=${world.dir}/${name}`],
      ])
    );
    for (const worker of workers) await worker.printed(/worker \w+ http/, UP_MS);
    const [w1, w2] = workers as [IrisProcess, IrisProcess];
    let nodes: readonly TreeNode[] = [];
    const giveUp = performance.now() + UP_MS;
    while (nodes.length < 2) {
      assert(performance.now() < giveUp, "both workers register");
      nodes = await treeOf(world);
    }
    for (const [at, { pid }] of [w1, w2].entries()) {
      assertEquals([nodes[at]?.name, nodes[at]?.unreachable], [`w${at + 1}`, undefined]);
      assertMatch(
        nodes[at]?.detail ?? "",
        new RegExp(`^not owned by this process: on .*, pid ${pid}$`),
      );
      const names = namesIn(nodes[at]);
      for (const part of ["worker-process", "keeper", "server", "lifecycle"]) {
        assert(names.includes(part), `${part} is in ${names}`);
      }
    }
    assertEquals((await treeOf(world, ["--workers", "1"])).map(({ name }) => name), [
      "w1",
      "1 more",
    ]);
    assertEquals(await treeOf(world, ["--workers", "0"]), []);

    Deno.kill(w1.pid, "SIGSTOP");
    Deno.kill(w2.pid, "SIGKILL");
    await w2.ended;
    try {
      const why = Object.fromEntries(
        (await treeOf(world)).map((one) => [one.name, one.unreachable]),
      );
      assertMatch(why.w1 ?? "", /no answer within 2000 ms/);
      assertMatch(why.w2 ?? "", /refused/i);
      const shown = startIris(world, ["tree"]);
      await shown.ended;
      assertStringIncludes(shown.output().stdout, `─ ${ELSEWHERE}  component, running`);
      assertMatch(
        shown.output().stdout,
        /w1 {2}component, NO ANSWER: no answer within 2000 ms, not owned/,
      );
    } finally {
      Deno.kill(w1.pid, "SIGCONT");
    }
    await end(w1);
    // The keeper of the one that was killed stays for the next one: that ends it.
    const again = startIris(world, [
      ...["--mode=worker", "--controller", url, "--name", "w2"],
      ...["--token-file", `${world.stateDir}/worker-token`, `--state-dir=${world.dir}/w2`],
    ]);
    await again.printed(/worker \w+ http/, UP_MS);
    await end(again);
    await end(controller);
    assertEquals(world.survivors(), []);
  },
);
