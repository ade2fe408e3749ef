/**
 * The folder of one slice, which this host and the nodes of its allocation share: who it is, what its
 * workers are started with, and what they and Slurm wrote. It is made before the allocation is asked
 * for and goes when that is proved gone; an allocation that finds it gone ends at once.
 */
import type { SliceRequest } from "../vm_provider.ts";
import {
  batchScript,
  nodeScript,
  type ScriptFacts,
  TOKEN_FILE,
  TRUST_FILE,
} from "./slurm_scripts.ts";

/** Who a slice is. */
export interface SliceNote extends SliceRequest {
  /** Null until Slurm answered. */
  readonly jobId: string | null;
}

const NOTE = "slice.json";
const NODE_SCRIPT = "node.sh";

/** Writes all that an allocation needs. @throws when it cannot be written */
export function writeSlice(note: SliceNote, facts: ScriptFacts): void {
  const { folder, launch } = facts;
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeNote(folder, note);
  write(folder, TOKEN_FILE, `${launch.token}\n`);
  if (launch.trust !== null) write(folder, TRUST_FILE, launch.trust);
  write(folder, NODE_SCRIPT, nodeScript(facts));
  write(folder, "batch.sh", batchScript(facts));
  // The last one: without it nothing is started.
  write(folder, "vms", note.vms.map((vm) => `${vm}\n`).join(""));
}

/** Writes the note whole, or not at all. */
export function writeNote(folder: string, note: SliceNote): void {
  const { slice, vms, jobId } = note;
  write(folder, `${NOTE}.new`, `${JSON.stringify({ slice, vms, jobId })}\n`);
  Deno.renameSync(`${folder}/${NOTE}.new`, `${folder}/${NOTE}`);
}

/** The note in a folder; null when there is none that can be read. */
export function readNote(folder: string): SliceNote | null {
  try {
    const { slice, vms, jobId } = JSON.parse(
      Deno.readTextFileSync(`${folder}/${NOTE}`),
    ) as SliceNote;
    const isNote = typeof slice === "string" && Array.isArray(vms) &&
      vms.every((vm) => typeof vm === "string");
    return isNote ? { slice, vms, jobId: typeof jobId === "string" ? jobId : null } : null;
  } catch {
    return null;
  }
}

/** Tells nodes that their end is asked for, in case they missed the signal. */
export function markStop(folder: string): void {
  try {
    write(folder, "stop", "");
  } catch {
    // The folder is gone or cannot be written: the signal has to do.
  }
}

/** What an allocation wrote down of its end. */
export interface LeftWords {
  /** Slurm told it that its time is nearly over. */
  readonly warned: boolean;
  /** The exit codes of workers that ended, by number of the VM. */
  readonly codes: ReadonlyMap<number, string>;
}

/** Reads what an allocation wrote down of its end. */
export function readLeftWords(folder: string): LeftWords {
  const codes = new Map<number, string>();
  let warned = false;
  for (const name of namesIn(folder)) {
    if (name === "warned") warned = true;
    const number = name.match(/^ended-(\d+)$/)?.[1];
    if (number !== undefined) codes.set(Number(number), readText(`${folder}/${name}`).trim());
  }
  return { warned, codes };
}

/** The names of the slices that have a folder. */
export function slicesIn(groupFolder: string): string[] {
  return namesIn(groupFolder).filter((name) => !name.startsWith(".")).sort();
}

/**
 * Whether what some slice of a cluster is started with names a path.
 *
 * @param folder of the cluster
 * @throws when that cannot be told
 */
export function isNamedBelow(folder: string, path: string): boolean {
  for (const group of [...Deno.readDirSync(folder)]) {
    if (group.name.startsWith(".") || !group.isDirectory) continue;
    for (const { name } of [...Deno.readDirSync(`${folder}/${group.name}`)]) {
      try {
        const script = Deno.readTextFileSync(`${folder}/${group.name}/${name}/${NODE_SCRIPT}`);
        if (script.includes(path)) return true;
      } catch (error) {
        // It went meanwhile, or is not written yet: then its program was asked for a moment ago.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
  return false;
}

/** Removes a slice's folder, and those above it that are empty then. @returns false if it is there */
export function removeSlice(folder: string): boolean {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) return false;
  }
  try {
    const group = folder.slice(0, folder.lastIndexOf("/"));
    Deno.removeSync(group);
  } catch {
    // Others are there.
  }
  return true;
}

function write(folder: string, name: string, text: string): void {
  Deno.writeTextFileSync(`${folder}/${name}`, text, { mode: 0o600 });
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
}
