/** A channel to nobody. */
import type { Channel } from "../../src/lifecycle/loop.ts";

/** Takes everything, says nothing. */
export const SILENT: Channel<never, unknown> = { post() {}, onMessage() {}, dropped: 0 };
