/**
 * What a machine may lack: a test that needs it is skipped there, with a line that says why, and
 * fails instead when `IRIS_REQUIRE_ALL=1`, so that a build machine cannot skip in silence.
 */

/** What a test takes as part of its options. */
export interface Need {
  readonly ignore: boolean;
}

const told = new Set<string>();

/**
 * Whether this machine has something; to be spread into a test's options:
 * `Deno.test({ name, ...await needs("a C compiler (gcc)", () => hasCommand("cc")), fn })`.
 *
 * @param what what is needed, with the Debian package that brings it
 * @param probe true when it is there; a throw counts as no
 */
export async function needs(
  what: string,
  probe: () => boolean | Promise<boolean>,
): Promise<Need> {
  if (await holds(probe)) return { ignore: false };
  if (!told.has(what)) {
    told.add(what);
    if (Deno.env.get("IRIS_REQUIRE_ALL") === "1") {
      Deno.test(`this machine has ${what}`, () => {
        throw new Error(`${what} is missing, and IRIS_REQUIRE_ALL=1 allows no test to be skipped`);
      });
    } else console.error(`skipping what needs ${what}: it is missing here`);
  }
  return { ignore: true };
}

/**
 * For a test that takes seconds: the gate runs it (`IRIS_FULL=1`), `deno task test` leaves it out. To be
 * spread into a test's options, around what else the test needs.
 */
export function inGate(need: Need = { ignore: false }): Need {
  return { ignore: need.ignore || Deno.env.get("IRIS_FULL") !== "1" };
}

async function holds(probe: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await probe();
  } catch {
    return false;
  }
}

/** Whether a command is on the PATH. */
export async function hasCommand(name: string): Promise<boolean> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const info = await Deno.stat(`${folder}/${name}`).catch(() => null);
    if (info?.isFile && ((info.mode ?? 0) & 0o111) !== 0) return true;
  }
  return false;
}

/** Whether a folder can be written to. */
export async function canWrite(folder: string): Promise<boolean> {
  const path = await Deno.makeTempDir({ dir: folder, prefix: "iris-probe-" }).catch(() => null);
  if (path === null) return false;
  await Deno.remove(path);
  return true;
}
