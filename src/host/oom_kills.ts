/**
 * Whether the kernel killed anything at all for want of memory, on the whole host: read once for many
 * cgroups, so that none of them has to be looked at while nothing happened. Runs in the keeper.
 */

/** See the head of this file. */
export class OomKills {
  readonly #read: () => string;
  readonly #freshMs: number;
  readonly #lingerMs: number;
  #readAtMs = -Infinity;
  #count: number | null = null;
  #changedAtMs = -Infinity;

  /**
   * @param options.freshMs how long what was read last is good enough
   * @param options.lingerMs how long a kill is told after it was seen: as often as who asks looks
   */
  constructor(
    options: { readonly freshMs: number; readonly lingerMs: number; readonly read?: () => string },
  ) {
    this.#freshMs = options.freshMs;
    this.#lingerMs = options.lingerMs;
    this.#read = options.read ?? (() => Deno.readTextFileSync("/proc/vmstat"));
  }

  /**
   * False when no kill was seen after `sinceMs`, on the same clock as `nowMs`; true when one was, or
   * when it cannot be told. The kernel counts a kill here just before it counts it in the cgroup, so
   * whoever looks there hears of it once more.
   */
  maybeSince(sinceMs: number, nowMs: number): boolean {
    if (nowMs - this.#readAtMs >= this.#freshMs) this.#look(nowMs);
    return this.#count === null || sinceMs < this.#changedAtMs + this.#lingerMs;
  }

  #look(nowMs: number): void {
    this.#readAtMs = nowMs;
    const count = this.#counted();
    if (count === null || count !== this.#count) this.#changedAtMs = nowMs;
    this.#count = count;
  }

  #counted(): number | null {
    try {
      const match = /^oom_kill (\d+)$/m.exec(this.#read());
      return match === null ? null : Number(match[1]);
    } catch {
      return null;
    }
  }
}
