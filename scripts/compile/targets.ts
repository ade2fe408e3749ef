/** The architectures that there is a file for, and where their Deno comes from. */

/** One of them. */
export interface Target {
  /** As compilers name it. */
  readonly name: string;
  /** The npm package with Deno's own program for it. */
  readonly package: string;
}

const TARGETS: readonly Target[] = [
  { name: "x86_64-unknown-linux-gnu", package: "@deno/linux-x64-glibc" },
  { name: "aarch64-unknown-linux-gnu", package: "@deno/linux-arm64-glibc" },
];

/** All names, in the order in which they are told. */
export const TARGET_NAMES: readonly string[] = TARGETS.map(({ name }) => name);

/** The target of that name, or null. */
export function targetOf(name: string): Target | null {
  return TARGETS.find((target) => target.name === name) ?? null;
}
