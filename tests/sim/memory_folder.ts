/** A temporary folder in memory where the system has one: a simulated disk need not be a slow one. */

const IN_MEMORY = "/dev/shm";

/** Makes it; disposing of it removes it. */
export function memoryFolder(): Disposable & { readonly path: string } {
  const dir = isFolder(IN_MEMORY) ? { dir: IN_MEMORY } : {};
  const path = Deno.makeTempDirSync({ prefix: "iris-sim-", ...dir });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
