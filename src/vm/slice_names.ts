/** Names of new slices and of their VMs: a number is never given twice, also not after a restart. */
import type { GroupConfig } from "./scale_group.ts";
import type { SliceRequest } from "./vm_provider.ts";

/** What the names of a group's slices begin with: workers inside this process are `w0`, `w1` ... */
function prefixOf({ group, provider }: GroupConfig): string {
  return provider.kind === "local" ? "w" : `${group.name}-`;
}

/** Gives names. */
export class SliceNames {
  /** The next number by prefix. */
  readonly #next = new Map<string, number>();

  /** A new slice of a group. */
  next(config: GroupConfig): SliceRequest {
    const prefix = prefixOf(config);
    const number = this.#next.get(prefix) ?? 0;
    this.#next.set(prefix, number + 1);
    const slice = `${prefix}${number}`;
    const { sliceVms } = config.group;
    const vms = sliceVms === 1
      ? [slice]
      : Array.from({ length: sliceVms }, (_, at) => `${slice}-${at}`);
    return { slice, vms };
  }

  /** The last one that was given was never used. */
  back(config: GroupConfig): void {
    const prefix = prefixOf(config);
    this.#next.set(prefix, Math.max(0, (this.#next.get(prefix) ?? 0) - 1));
  }

  /** Takes note of a name that was given before. */
  seen(config: GroupConfig, slice: string): void {
    const prefix = prefixOf(config);
    const number = slice.startsWith(prefix) ? slice.slice(prefix.length) : "";
    if (/^\d{1,12}$/.test(number)) this.after(config, Number(number) + 1);
  }

  /** Gives no number below this one. */
  after(config: GroupConfig, number: number): void {
    const prefix = prefixOf(config);
    this.#next.set(prefix, Math.max(number, this.#next.get(prefix) ?? 0));
  }

  /** The number that comes next. */
  upcoming(config: GroupConfig): number {
    return this.#next.get(prefixOf(config)) ?? 0;
  }
}
