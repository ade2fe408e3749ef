/**
 * What a new keeper tells for one that was killed before it: how attempts ended that it had seen
 * end, and that it is unknown how the others did. By then nothing of them is left: whoever starts a
 * keeper has ended what an earlier one left. Runs in the keeper.
 */
import { bootId } from "../../host/proc.ts";
import { FactBook } from "./fact_book.ts";
import type { FactSink, JournalContent, NotedAttempt } from "./journal.ts";

/**
 * Facts are numbered on behind those of the keeper before, with room for those that it could not
 * write down: an acknowledgement of one of its facts must never be taken for one of ours.
 */
const ROOM = 1_000_000;

/**
 * The facts of a new keeper, with what is to be told for the one before.
 *
 * @param options.wallMs now, in ms since the epoch: nobody saw the ends
 */
export function inheritFacts(
  before: JournalContent | null,
  options: { folder: string; sink: FactSink; wallMs: number },
): FactBook {
  const { folder, sink, wallMs } = options;
  if (before === null) return new FactBook({ sink });
  const facts = new FactBook({ last: before.last + ROOM, sink });
  for (const fact of before.ended) facts.ended(fact);
  const sameBoot = before.boot === bootId();
  for (const noted of before.open) {
    facts.started(noted.started);
    facts.ended({
      ...{ ...keyOf(noted), cause: "unknown", code: 0, atMs: wallMs },
      outTo: sizeOf(folder, noted, "out"),
      errTo: sizeOf(folder, noted, "err"),
      forced: true,
      detail: sameBoot
        ? "exit unknown: the keeper was lost while it ran, and what was left of it was ended"
        : "exit unknown: the machine was restarted while it ran",
      leftovers: [],
    });
  }
  return facts;
}

function keyOf({ started: { generation, index, attempt } }: NotedAttempt) {
  return { generation, index, attempt };
}

/** Where its output ends: nothing else wrote to its slot while it was not proved gone. */
function sizeOf(folder: string, { started }: NotedAttempt, kind: "out" | "err"): number {
  const from = kind === "out" ? started.outFrom : started.errFrom;
  try {
    const { size } = Deno.statSync(`${folder}/logs/${started.slot}.${started.rotation}.${kind}`);
    return Math.max(from, size);
  } catch {
    return from;
  }
}
