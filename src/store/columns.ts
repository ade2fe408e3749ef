/** Ranges as blobs: how the store keeps what the core holds as lists of numbers. Pure. */
import { IrisError } from "../base/errors.ts";

/** Numbers as a blob: 8 bytes each, in the order of this machine. Null when there are none. */
export function toBlob(numbers: readonly number[]): Uint8Array | null {
  if (numbers.length === 0) return null;
  return new Uint8Array(Float64Array.from(numbers).buffer);
}

/**
 * The numbers of a blob.
 *
 * @throws {IrisError} `database` when these are no numbers
 */
export function fromBlob(blob: unknown): number[] {
  if (blob === null) return [];
  if (!(blob instanceof Uint8Array) || blob.byteLength % 8 !== 0) {
    throw new IrisError("database", "The database holds a column of ranges that is no such thing");
  }
  // The bytes may lie anywhere in a larger buffer; eight-byte numbers need their own.
  return [...new Float64Array(blob.slice().buffer)];
}
