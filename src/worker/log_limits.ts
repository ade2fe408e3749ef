/**
 * What is cut out of output that is too long: the beginning and the newest end stay, whole blocks in
 * the middle go. Pure.
 */

/** Holes are made of whole blocks of this size, in bytes. */
export const BLOCK_BYTES = 4096;
/** However little room there is, so much of each stream is kept, in bytes. */
export const MIN_LEVEL_BYTES = 16 * 1024;
/** Of an attempt's output on one stream, when nothing else was said, in bytes. */
export const DEFAULT_LOG_LIMIT_BYTES = 256 * 1024 * 1024;

/** A range of bytes in a file. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The whole blocks to cut out of a range so that about `limit` bytes of it are left: half of them
 * from its beginning, half from its end.
 *
 * @returns null when there is nothing to cut
 */
export function cutOf(range: ByteRange, limit: number): ByteRange | null {
  const head = Math.floor(limit / 2);
  const from = upToBlock(range.from + head);
  const to = downToBlock(range.to - (limit - head));
  return range.to - range.from > limit && from < to ? { from, to } : null;
}

/** How much of a range is left after the cut, in bytes. */
export function keptOf(range: ByteRange, limit: number): number {
  const cut = cutOf(range, limit);
  return range.to - range.from - (cut === null ? 0 : cut.to - cut.from);
}

/**
 * The limit for each of many streams so that together they fit into the space: those that are small
 * keep everything, the large ones are cut to the same length.
 *
 * @returns Infinity when all fit as they are
 */
export function fairLevel(sizes: readonly number[], space: number): number {
  const sorted = [...sizes].sort((a, b) => a - b);
  let left = space;
  for (const [at, size] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - at));
    if (size > share) return Math.max(MIN_LEVEL_BYTES, share);
    left -= size;
  }
  return Infinity;
}

/** The whole blocks of a range: those that other ranges have no part in. */
export function wholeBlocks(range: ByteRange): ByteRange | null {
  const from = upToBlock(range.from);
  const to = downToBlock(range.to);
  return from < to ? { from, to } : null;
}

/** What of [0, end) none of the ranges covers, in order. */
export function gapsOf(kept: readonly ByteRange[], end: number): ByteRange[] {
  const sorted = [...kept].sort((a, b) => a.from - b.from);
  const gaps: ByteRange[] = [];
  let at = 0;
  for (const { from, to } of sorted) {
    if (from > at) gaps.push({ from: at, to: Math.min(from, end) });
    at = Math.max(at, to);
    if (at >= end) break;
  }
  if (at < end) gaps.push({ from: at, to: end });
  return gaps;
}

function upToBlock(offset: number): number {
  return Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;
}

function downToBlock(offset: number): number {
  return Math.floor(offset / BLOCK_BYTES) * BLOCK_BYTES;
}
