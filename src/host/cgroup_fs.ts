/**
 * The file tree of cgroups as this program uses it, so that both versions of it can be tested
 * against a fake that keeps the kernel's rules. The real one is the mounted file system; it owns
 * nothing.
 */

/** Folders are cgroups, files are their knobs. Paths are absolute. */
export interface CgroupFs {
  /** The text of a file, or null when there is none to be read. */
  read(path: string): string | null;
  /** Writes a file that exists. @throws when the kernel refuses */
  write(path: string, text: string): void;
  /** Makes a cgroup; one that exists already is as good. @throws when it cannot be made */
  make(path: string): void;
  /** Removes a cgroup; false while something is in it. */
  remove(path: string): boolean;
  /** Names of the cgroups right below one; none when there is none. */
  below(path: string): string[];
}

/** The mounted one. */
export const realCgroupFs: CgroupFs = {
  read(path) {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return null;
    }
  },
  write(path, text) {
    // Never created: a folder that is no cgroup must not look like one.
    Deno.writeTextFileSync(path, text, { create: false });
  },
  make(path) {
    try {
      Deno.mkdirSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  },
  remove(path) {
    try {
      Deno.removeSync(path);
      return true;
    } catch (error) {
      return error instanceof Deno.errors.NotFound;
    }
  },
  below(path) {
    try {
      return [...Deno.readDirSync(path)].filter((one) => one.isDirectory).map((one) => one.name);
    } catch {
      return [];
    }
  },
};

/** Processes in a cgroup and in all below it. */
export function membersBelow(fs: CgroupFs, path: string): number[] {
  const lines = (fs.read(`${path}/cgroup.procs`) ?? "").split("\n");
  const here = lines.filter((line) => line !== "").map(Number);
  return [...here, ...fs.below(path).flatMap((name) => membersBelow(fs, `${path}/${name}`))];
}

/** Removes a cgroup with all below it; false while somebody is in one of them. */
export function removeBelow(fs: CgroupFs, path: string): boolean {
  for (const name of fs.below(path)) removeBelow(fs, `${path}/${name}`);
  return fs.remove(path);
}
