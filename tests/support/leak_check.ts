/**
 * Fails a test that leaves something behind: isolate threads, child processes, listening sockets,
 * open files, temporary folders, nodes of an ownership tree. Runs in the test's process; since the
 * operating system counts by process, files that use it must not run with `--parallel`.
 */
import { type Census, censusChanges, takeCensus } from "../../src/lifecycle/census.ts";
import type { Owner } from "../../src/lifecycle/owner.ts";
import type { TreeNode } from "../../src/lifecycle/part.ts";

/** Threads and children take a moment to go: how long a leak may last before it is one, in ms. */
const SETTLE_MS = 2000;
const POLL_MS = 5;

/** What a test under leak check gets. */
export interface LeakCheck {
  /** Registers a root: when the test ends, it and everything below it must have stopped. */
  owns(root: Owner): Owner;
  /** The test's own temporary folder, also where `Deno.makeTempDir` puts things. */
  readonly tempDir: string;
}

/** What goes with a test beside its name and function. */
export type LeakTestOptions = Omit<Deno.TestDefinition, "name" | "fn">;

/** Thrown when something was left behind; `leaks` has one line each. */
export class LeakError extends Error {
  override name = "LeakError";
  readonly leaks: readonly string[];

  constructor(leaks: readonly string[]) {
    super(`the test left behind:\n  ${leaks.join("\n  ")}`);
    this.leaks = leaks;
  }
}

/** A test that must leave nothing behind. */
export function leakTest(
  name: string,
  fn: (check: LeakCheck, t: Deno.TestContext) => Promise<void> | void,
  options: LeakTestOptions = {},
): void {
  Deno.test({ ...options, name, fn: (t) => withLeakCheck((check) => fn(check, t)) });
}

/**
 * Runs `fn` and then looks what it left behind.
 *
 * @param settleMs how long something may take to go, in ms
 * @throws {LeakError} with one line for each leak; what `fn` itself throws is thrown beside it
 */
export async function withLeakCheck<T>(
  fn: (check: LeakCheck) => Promise<T> | T,
  options: { settleMs?: number } = {},
): Promise<T> {
  const roots: Owner[] = [];
  const temp = useOwnTempDir();
  const before = count();
  const errors: unknown[] = [];
  let result: T | undefined;
  try {
    result = await fn({
      tempDir: temp.path,
      owns(root) {
        roots.push(root);
        return root;
      },
    });
  } catch (error) {
    errors.push(error);
  }
  const look = () => [
    ...roots.flatMap((root) => nodeLeaks(root.tree())),
    ...systemLeaks(before),
    ...tempLeaks(temp.path),
  ];
  const leaks = await settled(look, options.settleMs ?? SETTLE_MS);
  temp.restore();
  if (leaks.length > 0) errors.push(new LeakError(leaks));
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) {
    throw new AggregateError(errors, "the test failed, and left things behind");
  }
  return result as T;
}

/** The last census: most tests open no socket, and need not look for new ones. */
let last: Census | null = null;

function count(): Census {
  return last = takeCensus("/proc", last);
}

/** Looks again and again until there is nothing, or the time is over. */
async function settled(look: () => string[], settleMs: number): Promise<string[]> {
  const end = performance.now() + settleMs;
  for (;;) {
    const leaks = look();
    if (leaks.length === 0 || performance.now() >= end) return leaks;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** What the system has now and had not before. Unnamed files are the runtime's own, in part. */
function systemLeaks(before: Census): string[] {
  return censusChanges(before, count())
    .filter((change) => change.change === "new")
    .filter((change) => change.kind !== "file" || isNamedFile(change.what))
    .map((change) => change.what);
}

function isNamedFile(what: string): boolean {
  return /^open file \/(?!dev\/|proc\/)/.test(what);
}

/** Every node that has not stopped, by its path: that is the owner of the leak. */
function nodeLeaks(node: TreeNode, above = ""): string[] {
  const path = above === "" ? node.name : `${above}/${node.name}`;
  const own = node.state === "stopped" ? [] : [`tree node ${path} (${node.kind}) is ${node.state}`];
  return [...own, ...node.children.flatMap((child) => nodeLeaks(child, path))];
}

function tempLeaks(path: string): string[] {
  return [...Deno.readDirSync(path)].map((entry) =>
    `temporary ${entry.isDirectory ? "folder" : "file"} ${path}/${entry.name}`
  );
}

/** Gives the test a folder of its own for temporary things, so that others' do not count. */
function useOwnTempDir(): { path: string; restore: () => void } {
  const earlier = Deno.env.get("TMPDIR");
  const path = Deno.makeTempDirSync({ prefix: "iris-test-" });
  Deno.env.set("TMPDIR", path);
  return {
    path,
    restore() {
      if (earlier === undefined) Deno.env.delete("TMPDIR");
      else Deno.env.set("TMPDIR", earlier);
      Deno.removeSync(path, { recursive: true });
    },
  };
}
