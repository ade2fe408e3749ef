/**
 * Deno's own program for an architecture: the one that runs here, or that of npm's package. Packing it
 * takes seconds and gives the same each time, so what was packed is kept in `dist/.parts`.
 */
import { reasonOf, runProgram } from "./run.ts";
import { type DenoPart, denoPart, hexHash } from "./self_extracting.ts";
import type { Target } from "./targets.ts";

/** Some 40 MB. */
const FETCH_MS = 300_000;
const UNPACK_MS = 60_000;

/** What is packed, for which build. */
export interface DenoOptions {
  /** Where packed parts are kept. */
  readonly parts: string;
  /** A folder for what is only needed meanwhile. */
  readonly work: string;
}

/** Deno of the version that runs here, packed. @throws {Error} when it cannot be fetched */
export async function packedDeno(target: Target, options: DenoOptions): Promise<DenoPart> {
  const here = target.name === Deno.build.target;
  // What runs here may be a build of one's own: it is known by its content.
  const own = here ? Deno.readFileSync(Deno.execPath()) : null;
  const id = own === null ? target.name : (await hexHash(own)).slice(0, 16);
  const path = `${options.parts}/deno-${Deno.version.deno}-${id}`;
  const kept = read(`${path}.gz`);
  const size = Number(new TextDecoder().decode(read(`${path}.size`) ?? undefined));
  if (kept !== null && size > 0) return { packed: kept, bytes: size };
  const part = await denoPart(own ?? await fetched(target, options));
  Deno.mkdirSync(options.parts, { recursive: true });
  writeWhole(`${path}.gz`, part.packed);
  writeWhole(`${path}.size`, new TextEncoder().encode(String(part.bytes)));
  return part;
}

async function fetched(target: Target, { work }: DenoOptions): Promise<Uint8Array<ArrayBuffer>> {
  const folder = `${work}/fetched`;
  Deno.mkdirSync(folder, { recursive: true });
  const name = `${target.package}@${Deno.version.deno}`;
  const pack = ["npm", "pack", name, "--silent", "--pack-destination", folder];
  const packed = await runProgram(pack, { cwd: folder, limitMs: FETCH_MS });
  if (packed.code !== 0) throw new Error(`${name} cannot be fetched: ${reasonOf(packed.err)}`);
  const archive = packed.out.trim().split("\n").at(-1) ?? "";
  const unpacked = await runProgram(["tar", "-xzf", archive], { cwd: folder, limitMs: UNPACK_MS });
  if (unpacked.code !== 0) throw new Error(`${archive}: ${reasonOf(unpacked.err)}`);
  return Deno.readFileSync(`${folder}/package/deno`);
}

function read(path: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Never half of it is seen, also when two builds run at once. */
function writeWhole(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${Deno.pid}`;
  Deno.writeFileSync(temporary, bytes);
  Deno.renameSync(temporary, path);
}
