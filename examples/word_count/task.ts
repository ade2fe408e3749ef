/** Both rounds of the word count. Run by Iris as tasks. */

/** What a task of the first round is called with. */
export interface Split {
  readonly file: string;
  /** Where its parts go. */
  readonly folder: string;
  readonly index: number;
  readonly parts: number;
}

/** What a task of the second round is called with. */
export interface Part {
  readonly folder: string;
  readonly part: number;
  readonly files: number;
}

/** What comes of a part: how many words, and those that are most common. */
export interface Counted {
  readonly words: number;
  readonly top: readonly (readonly [word: string, count: number])[];
}

const TOP = 5;

/** Counts the words of a file. @returns how many */
export async function count({ file, folder, index, parts }: Split): Promise<number> {
  const text = await Deno.readTextFile(file);
  const counts: Record<string, number>[] = Array.from({ length: parts }, () => ({}));
  let words = 0;
  for (const [word] of text.toLowerCase().matchAll(/\p{L}+/gu)) {
    const part = counts[hash(word) % parts]!;
    part[`=${word}`] = (part[`=${word}`] ?? 0) + 1;
    words++;
  }
  for (const [part, found] of counts.entries()) {
    await Deno.writeTextFile(`${folder}/${part}.${index}.json`, JSON.stringify(found));
  }
  return words;
}

/** Merges what all files gave for a part. */
export async function merge({ folder, part, files }: Part): Promise<Counted> {
  const all = new Map<string, number>();
  let words = 0;
  for (let index = 0; index < files; index++) {
    const text = await Deno.readTextFile(`${folder}/${part}.${index}.json`);
    for (const [word, count] of Object.entries(JSON.parse(text) as Record<string, number>)) {
      all.set(word.slice(1), (all.get(word.slice(1)) ?? 0) + count);
      words += count;
    }
  }
  return { words, top: [...all].sort(([, a], [, b]) => b - a).slice(0, TOP) };
}

/** The same word has the same number everywhere (FNV-1a). */
function hash(word: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) h = Math.imul(h ^ word.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
