/** What the autoscaler does about jobs that wait, a line for each: shown where a job is explained. Pure. */
import type { Decision } from "./decide.ts";
import type { ScalingNote } from "./messages.ts";

/** No more jobs are spoken of. */
const MAX_NOTES = 1_000;

/** A line for each job that is waited for by a group, or that no group can help. */
export function scalingNotes({ groups, unplaced }: Decision): ScalingNote[] {
  const lines = new Map<number, string[]>();
  const say = (generation: number, line: string) => {
    const said = lines.get(generation);
    if (said !== undefined) said.push(line);
    else if (lines.size < MAX_NOTES) lines.set(generation, [line]);
  };
  for (const { group, awaited } of groups) {
    for (const { generation, vms } of awaited) {
      const what = vms === 1 ? "a worker is on its way" : `${vms} workers are on their way`;
      say(generation, `${what} for it in group ${group}`);
    }
  }
  for (const { group, asking } of groups) {
    for (const { generation, tasks } of asking) {
      say(generation, `group ${group} is asked for workers for ${counted(tasks)} of it`);
    }
  }
  for (const { generation, count, reason } of unplaced) {
    say(generation, `no group can make a worker for ${counted(count)} of it: ${reason}`);
  }
  return [...lines].map(([generation, said]) => ({ generation, line: said.join("; ") }));
}

function counted(tasks: number): string {
  return tasks === 1 ? "a task" : `${tasks} tasks`;
}
