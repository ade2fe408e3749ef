/** Where outputs of attempts lie in a worker's folder. Pure. */

/** Names of files and folders. */
export interface OutputPlace {
  readonly root: string;
  /** Of all attempts of a job. */
  generation(generation: number): string;
  /** How much of each attempt is kept, as decimal digits. */
  limit(generation: number): string;
  /** What is kept of ended attempts, a JSON value a line. */
  kept(generation: number): string;
  /** What one attempt writes. */
  attempt(key: { generation: number; index: number; attempt: number }): string;
}

/** The places in a worker's folder. */
export function outputsOf(folder: string): OutputPlace {
  const root = `${folder}/outputs`;
  const generation = (number: number) => `${root}/${number}`;
  return {
    root,
    generation,
    limit: (number) => `${generation(number)}/limit`,
    kept: (number) => `${generation(number)}/kept.jsonl`,
    attempt: (key) => `${generation(key.generation)}/${key.index}.${key.attempt}`,
  };
}
