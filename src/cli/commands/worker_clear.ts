/** `worker clear`: ends what a killed worker of this host left. Runs on that host, asks nobody. */
import { exists } from "../../base/there.ts";
import { systemClock } from "../../base/clock.ts";
import { IrisError } from "../../base/errors.ts";
import { openStateDir, type StateDir } from "../../host/state_dir.ts";
import type { Cleared } from "../../worker/keeper/clear_folder.ts";
import { type CliContext, note } from "../context.ts";
import { command } from "../flags/command.ts";
import { parseDuration } from "../flags/quantities.ts";
import { DRY_RUN_FLAG, flagText, JSON_FLAG } from "../flags/shared.ts";

/** How long the killing and the proof may take, in ms. */
const PROOF_MS = 10_000;
/** What a command ends with that left something: as a daemon does. */
const LEAKED = 4;

/** `worker clear`. */
export const workerClear = command({
  path: ["worker", "clear"],
  summary: "End what a killed worker of this host left: its keeper, its tasks, their containers.",
  flags: {
    stateDir: flagText("DIR", "the state folder of that worker"),
    grace: {
      kind: "value",
      parse: parseDuration,
      value: "TIME",
      help: "what its tasks get between SIGTERM and SIGKILL",
      default: "0s",
    },
    dryRun: DRY_RUN_FLAG,
    json: JSON_FLAG,
  },
  example: "iris worker clear --state-dir /var/lib/iris-worker",
  ctrlC: "ends the command; what is left can be cleared again.",
  async run(context: CliContext, { values }) {
    const { stateDir, grace, json, dryRun } = values;
    if (stateDir === undefined) {
      throw new IrisError("usage", "Missing --state-dir: whose worker was it?", {
        field: "--state-dir",
      });
    }
    if (dryRun) {
      const { wouldClear } = await import("./would.ts");
      return wouldClear(context, { processes: await leftThere(stateDir), json });
    }
    const { ended, left } = await clearStateDir(stateDir, grace);
    if (json) context.out(JSON.stringify({ ended, left }));
    else {
      for (const line of ended) note(context, `ended: ${line}`);
      for (const line of left) context.err(`could not end: ${line}`);
      note(context, `${ended.length} ended, ${left.length} left`);
    }
    return left.length === 0 ? 0 : LEAKED;
  },
});

/** What a look finds: keepers, and what their journals have as running; a clear may find more. */
async function leftThere(path: string): Promise<string[]> {
  needWorkerDir(path);
  const { liveKeeper } = await import("../../worker/keeper/keeper_lock.ts");
  const { leftOfJournal } = await import("../../worker/keeper/left_behind.ts");
  const state = openStateDir(path);
  try {
    return workersOf(state).flatMap(({ worker, folder }) => {
      const keeper = liveKeeper(folder);
      return [
        ...(keeper === null ? [] : [`${keeper.pid} keeper of ${worker}`]),
        ...leftOfJournal(folder)().map((pid) => `${pid} task of ${worker}`),
      ];
    });
  } finally {
    state.release();
  }
}

/** @throws {IrisError} `state_dir` */
function needWorkerDir(path: string): void {
  if (exists(`${path}/marker-id`)) return;
  throw new IrisError("state_dir", `${path} is no state folder of a worker`, {
    field: "--state-dir",
  });
}

/** Clears all workers of a state folder. @throws {IrisError} `state_dir` when it is in use */
async function clearStateDir(path: string, graceMs: number): Promise<Cleared> {
  needWorkerDir(path);
  const { clearFolder } = await import("../../worker/keeper/clear_folder.ts");
  const state = openStateDir(path);
  try {
    const ended: string[] = [];
    const left: string[] = [];
    for (const one of workersOf(state)) {
      const options = { clock: systemClock, graceMs, timeoutMs: PROOF_MS };
      const cleared = await clearFolder(one, options);
      ended.push(...cleared.ended);
      left.push(...cleared.left);
    }
    return { ended, left };
  } finally {
    state.release();
  }
}

function workersOf(state: StateDir) {
  const cluster = Deno.readTextFileSync(`${state.path}/marker-id`).trim();
  const folder = `${state.path}/workers`;
  const names = exists(folder) ? [...Deno.readDirSync(folder)].map(({ name }) => name) : [];
  return names.map((worker) => ({
    ...{ cluster, worker },
    folder: `${folder}/${worker}`,
    cgroup: `iris-${cluster}-${worker}`,
  }));
}
