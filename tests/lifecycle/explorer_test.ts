/**
 * Every order of outside events on all small trees. `IRIS_EXPLORE=full` explores further. The same
 * search must find every fault that is planted in a copy of the code.
 */
import { assert, assertEquals } from "@std/assert";
import * as real from "../../src/lifecycle/owner.ts";
import { allScenes, type Depths, explore, type Finding } from "./explorer.ts";
import type { OwnerModule } from "./explorer_world.ts";

const QUICK: Depths = { running: [3, 2, 1], stopping: [3, 2, 1], starting: [3, 2, 1] };
const FULL: Depths = { running: [4, 3, 2], stopping: [4, 3, 2], starting: [4, 3, 2] };
const FULL_WANTED = Deno.env.get("IRIS_EXPLORE") === "full";

Deno.test("in every order of outside events on every small tree, a stop keeps its promises", async () => {
  const scenes = allScenes(FULL_WANTED ? FULL : QUICK);
  const { runs, findings } = await explore(real, { scenes, maxFindings: 3 });
  console.log(`${runs} runs of ${scenes.length} scenes`);
  assertEquals(findings.map(textOf), []);
  assert(runs > 5_000, `only ${runs} runs`);
});

/** A fault: a file, what to take out of it, and what to put there. */
interface Mutation {
  readonly fault: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const MUTATIONS: readonly Mutation[] = [
  {
    fault: "close does not reach what is below",
    file: "node.ts",
    from: "for (const child of this.#children) child.#closeStates(cause, open);",
    to: "",
  },
  {
    fault: "own is accepted while stopping",
    file: "node.ts",
    from: "if (!this.isOpen) throw new OwnerClosedError(this.path, part.name);",
    to: "",
  },
  {
    fault: "the oldest stage stops first",
    file: "stop_sequence.ts",
    from: ".sort(([a], [b]) => b - a)",
    to: ".sort(([a], [b]) => a - b)",
  },
  {
    fault: "stage mates are released oldest first",
    file: "stop_sequence.ts",
    from: "members.toReversed()",
    to: "members",
  },
  {
    fault: "stage mates stop one after another",
    file: "stop_sequence.ts",
    from:
      "await Promise.all(stage.map((member) => member.bringDown(deadline, { keepForRelease })));",
    to:
      "for (const m of stage) { await m.bringDown(deadline, { keepForRelease }); await m.release(); }",
  },
  {
    fault: "a part ends after what it owns",
    file: "stop_run.ts",
    from: "await this.#endSelf();\n    await stopStages(",
    to: "if (this.#subject.start) this.#subject.start.settled.then(() => this.#endSelf());\n" +
      "    await stopStages(",
  },
  {
    fault: "what overran is not killed",
    file: "stop_run.ts",
    from: "    this.#callForce();\n",
    to: "",
  },
  {
    fault: "nothing is verified",
    file: "stop_run.ts",
    from: "    await this.#prove();\n",
    to: "",
  },
  {
    fault: "a kill counts as proof",
    file: "stop_run.ts",
    from: "this.#unconfirmed = true;",
    to: "",
  },
  {
    fault: "what was forced is not released",
    file: "stop_run.ts",
    from: "if (!part.release || !start) return;",
    to: "if (!part.release || !start || this.#overran) return;",
  },
  {
    fault: "what was forced is called clean",
    file: "stop_run.ts",
    from: 'if (this.#overran) return "forced";',
    to: "",
  },
  {
    fault: "a release that hangs is waited for without end",
    file: "stop_run.ts",
    from: "await this.#settles(call, this.total, { ownEnd: false });",
    to: "await call.settled;",
  },
  {
    fault: "deadlines of a stop are not disposed of",
    file: "stop_run.ts",
    from: "for (const deadline of this.#deadlines) deadline.dispose();",
    to: "",
  },
  {
    fault: "a later stop brings nothing nearer",
    file: "node.ts",
    from: "this.#nearer(msOf(deadline));",
    to: "",
  },
  {
    fault: "a child deadline does not follow its parent",
    file: "deadline.ts",
    from: "if (!this.#disposed) {\n      child.#unfollow",
    to: "if (this.#disposed) {\n      child.#unfollow",
  },
  {
    fault: "a kill does not reach what is below",
    file: "node.ts",
    from: "for (const child of this.#children) child.#obeyNow();",
    to: "",
  },
  {
    fault: "each stop gives another promise",
    file: "node.ts",
    from: "    return this.#done.promise;\n  }\n\n  /** @see Owner.kill */",
    to: "    return this.#done.promise.then((r) => r);\n  }\n\n  /** @see Owner.kill */",
  },
  {
    fault: "a child that stops while its owner stops leaves the report",
    file: "node.ts",
    from: "if (!this.isOpen) return;\n    this.#children.delete(child);",
    to: "this.#children.delete(child);",
  },
  {
    fault: "a child that left without proof is forgotten",
    file: "node.ts",
    from: "this.#remembered.push(report);",
    to: "void report;",
  },
  {
    fault: "one error replaces another",
    file: "error_list.ts",
    from: "this.#errors.push(error);",
    to: "this.#errors[0] = error;",
  },
  {
    fault: "a failure that nobody handled is dropped",
    file: "failures.ts",
    from: "at.errors.push(failure.error);\n    if (onRoot) call(onRoot, failure, at.errors);",
    to: "",
  },
  {
    fault: "errors of abandoned steps are unhandled",
    file: "call.ts",
    from: '(error) => void (this.#state = { kind: "threw", error }),',
    to: "",
  },
  {
    fault: "own waits for a start that hangs while its owner stops",
    file: "node.ts",
    from: "await Promise.race([start.settled, this.closed.promise, this.ended.promise]);",
    to: "await start.settled;",
  },
  {
    fault: "a start that fails leaves its children",
    file: "stop_run.ts",
    from: "await stopStages(this.#stages,",
    to: 'if (this.#subject.start?.state.kind !== "threw") await stopStages(this.#stages,',
  },
];

for (const mutation of MUTATIONS) {
  Deno.test(`the explorer finds it when ${mutation.fault}`, async () => {
    const folder = await mutantOf(mutation);
    try {
      const module: OwnerModule = await import(`file://${folder}/lifecycle/owner.ts`);
      const { findings } = await explore(module, { scenes: allScenes(QUICK), maxFindings: 1 });
      assert(findings.length > 0, "not found");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** A copy of the code with one fault. */
async function mutantOf({ file, from, to }: Mutation): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "iris-mutant-" });
  for (const part of ["base", "lifecycle"]) {
    await Deno.mkdir(`${folder}/${part}`);
    const source = new URL(`../../src/${part}/`, import.meta.url);
    for await (const entry of Deno.readDir(source)) {
      if (!entry.isFile) continue;
      await Deno.copyFile(new URL(entry.name, source), `${folder}/${part}/${entry.name}`);
    }
  }
  const path = `${folder}/lifecycle/${file}`;
  const text = await Deno.readTextFile(path);
  assertEquals(text.split(from).length, 2, `'${from}' must be in ${file} once`);
  await Deno.writeTextFile(path, text.replace(from, () => to));
  return folder;
}

function textOf(finding: Finding): string {
  return `${finding.scene}: ${finding.events.join(", ")}: ${finding.broken.join("; ")}`;
}
