/** One cell of the stop matrix: a real cluster, 50 running tasks of a kind, one way to stop it. */
import { assert, assertEquals } from "@std/assert";
import type { IrisClient } from "../../src/client/iris_client.ts";
import type { StopReport } from "../../src/lifecycle/part.ts";
import { forEachReport } from "../../src/lifecycle/stop_report.ts";
import {
  clientOf,
  type IrisProcess,
  makeWorld,
  startIris,
  type World,
} from "../support/iris_process.ts";
import { TASK_KINDS, type TaskKind } from "./task_kinds.ts";

/** The whole budget of a stop, and what a cell may take beyond it, in ms. */
export const BUDGET_MS = 2_000;
const SLACK_MS = 100;
/** Tasks that run when the stop comes. */
const TASKS = 50;
/** Time for 50 tasks to be up on a busy machine, in ms. */
const UP_MS = 20_000;

/** How the stop is asked for. */
export type StopWay =
  | "SIGTERM"
  | "cluster stop"
  | "Ctrl-C once"
  | "Ctrl-C twice"
  | "Ctrl-C three times"
  | "Ctrl-C through npx";

/** One cell. `kind` null means all kinds mixed. */
export interface Cell {
  readonly kind: TaskKind | null;
  readonly way: StopWay;
  readonly cgroups: "auto" | "off";
}

/** The sentence that names a cell. */
export function cellName(cell: Cell): string {
  const kind = cell.kind?.name ?? "all kinds mixed";
  return `stop matrix: 50 tasks, ${kind}, by ${cell.way}, cgroups ${cell.cgroups}`;
}

/** Runs a cell: over by the deadline, nothing left, the right exit code, a truthful report. */
export async function runCell(cell: Cell): Promise<void> {
  using world = makeWorld();
  const process = startIris(world, [
    "--mode=local",
    "--port=0",
    `--state-dir=${world.stateDir}`,
    `--stop-timeout=${BUDGET_MS}ms`,
    `--cgroups=${cell.cgroups}`,
  ], { by: byOf(cell.way) });
  const client = await clientOf(world, process);
  await startTasks(client, world, cell.kind);
  const fromMs = performance.now();
  await askStop(cell.way, { process, client });
  const { code, atMs } = await process.ended;
  // The third Ctrl-C leaves at once, after SIGKILL: what is in the middle of a write goes a moment
  // later. Every other way has waited for that itself.
  if (cell.way === "Ctrl-C three times") await gone(world);
  assertEquals(world.survivors(), [], "left behind");
  const tookMs = atMs - fromMs;
  assert(
    tookMs <= BUDGET_MS + SLACK_MS,
    `took ${Math.round(tookMs)} ms: ${process.output().stderr}`,
  );
  assertEquals(world.tempEntries(), [], "left in the temp folder");
  checkOutcome(cell, { code, world, process });
}

async function gone(world: World): Promise<void> {
  const giveUpMs = performance.now() + BUDGET_MS;
  while (world.survivors().length > 0 && performance.now() < giveUpMs) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function byOf(way: StopWay): "direct" | "pty" | "npx" {
  if (way === "Ctrl-C through npx") return "npx";
  return way.startsWith("Ctrl-C") ? "pty" : "direct";
}

async function startTasks(client: IrisClient, world: World, kind: TaskKind | null): Promise<void> {
  const kinds = kind === null ? TASK_KINDS : [kind];
  const each = Math.ceil(TASKS / kinds.length);
  const names = await Promise.all(kinds.map(async (one, at) => {
    const job = await client.submit({
      name: `kind-${at}`,
      argv: ["/bin/sh", "-c", one.script(world.tag)],
      replicas: each,
      cpuMilli: 1,
      memoryBytes: 0,
    });
    return job.name;
  }));
  const giveUpMs = performance.now() + UP_MS;
  for (const name of names) {
    for (;;) {
      const { counts } = await client.job(name);
      const begun = each - (counts.PENDING ?? 0) - (counts.ASSIGNED ?? 0) - (counts.BUILDING ?? 0);
      if (begun === each) break;
      assert(performance.now() < giveUpMs, `${name} is not up: ${JSON.stringify(counts)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function askStop(
  way: StopWay,
  cluster: { process: IrisProcess; client: IrisClient },
): Promise<void> {
  const { process, client } = cluster;
  if (way === "SIGTERM") return Deno.kill(process.pid, "SIGTERM");
  if (way === "cluster stop") {
    const answer = await client.stopCluster({ id: "matrix", remainingMs: BUDGET_MS });
    const report = await client.stopReport(answer, BUDGET_MS + 1_000);
    assertEquals(report.cause, "shutdown");
    return;
  }
  const times = way === "Ctrl-C twice" ? 2 : way === "Ctrl-C three times" ? 3 : 1;
  for (let n = 0; n < times; n++) {
    // Signals within 300 ms count as one, so a person's second Ctrl-C comes later than that.
    if (n > 0) await new Promise((resolve) => setTimeout(resolve, 350));
    await process.type("\x03");
  }
}

function checkOutcome(
  cell: Cell,
  run: { code: number; world: World; process: IrisProcess },
): void {
  if (cell.way === "Ctrl-C three times") {
    // Without a hard kind all is over before the third.
    assert([0, 3].includes(run.code), `exit code ${run.code}`);
    return;
  }
  const text = Deno.readTextFileSync(`${run.world.stateDir}/last-stop.json`);
  const report = JSON.parse(text) as StopReport;
  const forced: string[] = [];
  forEachReport(report, (node) => {
    if (node.rung === "force") forced.push(node.name);
    assertEquals(node.leftovers, [], `${node.name} says something is left`);
  });
  const hard = cell.kind === null || !cell.kind.obeys;
  assertEquals(report.outcome, hard ? "forced" : "clean", run.process.output().stderr);
  // npx answers with its own exit code; under a terminal `script` passes ours on.
  if (cell.way !== "Ctrl-C through npx") assertEquals(run.code, hard ? 3 : 0);
  if (hard) assert(forced.some((name) => /\d+\.\d+\.\d+/.test(name)), `no task named: ${forced}`);
}
