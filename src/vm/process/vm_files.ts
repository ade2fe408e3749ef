/**
 * The files of one VM of the provider `process`, in a folder of its own: who it is and which process
 * it became, what its worker is started with, its state and its log. The folder is the VM's label: it
 * is made before the process and goes only when the process is proved gone.
 */
import type { WorkerLaunch, WorkerPlace } from "../worker_launch.ts";

/** Who a VM is, and which process it became; null from the intent to the start. */
export interface VmNote {
  readonly vm: string;
  readonly slice: string;
  /** Of the whole slice, so that it is known whole though only one of its VMs is left. */
  readonly vms: readonly string[];
  readonly boot: string;
  readonly process: { readonly pid: number; readonly startTime: number } | null;
}

const NOTE = "vm.json";

/** Makes the folder of a VM and notes the intent. */
export function noteIntent(folder: string, note: VmNote): void {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeNote(folder, note);
}

/** Writes the note whole, or not at all. */
export function writeNote(folder: string, note: VmNote): void {
  const file = `${folder}/${NOTE}`;
  Deno.writeTextFileSync(`${file}.new`, `${JSON.stringify(note)}\n`, { mode: 0o600 });
  Deno.renameSync(`${file}.new`, file);
}

/** The note in a folder; null when there is none that can be read. */
export function readNote(folder: string): VmNote | null {
  try {
    const { vm, slice, vms, boot, process } = JSON.parse(
      Deno.readTextFileSync(`${folder}/${NOTE}`),
    ) as VmNote;
    return typeof vm === "string" && Array.isArray(vms) ? { vm, slice, vms, boot, process } : null;
  } catch {
    return null;
  }
}

/** Writes what the worker is started with, and says where. */
export function writePlace(folder: string, launch: WorkerLaunch): WorkerPlace {
  const tokenFile = `${folder}/token`;
  Deno.writeTextFileSync(tokenFile, `${launch.token}\n`, { mode: 0o600 });
  const trustFile = launch.trust === null ? null : `${folder}/ca.pem`;
  if (trustFile !== null && launch.trust !== null) {
    Deno.writeTextFileSync(trustFile, launch.trust, { mode: 0o600 });
  }
  return { tokenFile, trustFile, stateDir: stateDirIn(folder) };
}

/** The state folder of a VM's worker. */
export function stateDirIn(folder: string): string {
  return `${folder}/state`;
}

/** Where its output goes. */
export function logIn(folder: string): string {
  return `${folder}/log`;
}

/** The folders of VMs that there are. */
export function vmFolders(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].filter((entry) => entry.isDirectory)
      .map((entry) => `${folder}/${entry.name}`).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
