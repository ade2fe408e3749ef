/**
 * What a VM manager and main tell each other: how workers are started, which main knows as soon as the
 * controller listens, and which groups there are from now on, when the configuration was read again.
 */
import { orAborted } from "../base/or_aborted.ts";
import type { Channel } from "../lifecycle/loop.ts";
import type { GroupConfig } from "./scale_group.ts";
import type { WorkerLaunch } from "./worker_launch.ts";

/** The name of the channel to main. */
export const LAUNCH_CHANNEL = "launch";

/** VM manager to main. */
export interface LaunchQuestion {
  readonly type: "launch?";
}

/** Main to VM manager. */
export type LaunchAnswer =
  | { readonly type: "launch"; readonly launch: WorkerLaunch }
  | { readonly type: "groups"; readonly groups: readonly GroupConfig[] };

/** A VM manager's end. */
export class MainLink {
  readonly #channel: Channel<LaunchAnswer, LaunchQuestion>;
  readonly #launch = Promise.withResolvers<WorkerLaunch>();
  /** As main said it last. */
  #latest: WorkerLaunch | null = null;
  #asked = false;
  #onGroups: (groups: readonly GroupConfig[]) => void = () => {};

  constructor(channel: Channel<LaunchAnswer, LaunchQuestion>) {
    this.#channel = channel;
    channel.onMessage((message) => {
      if (message.type === "launch") {
        this.#launch.resolve(message.launch);
        this.#latest = message.launch;
      } else this.#onGroups(message.groups);
    });
  }

  /** Asks main, once for all who want to know. @throws the signal's reason */
  async launch(signal: AbortSignal): Promise<WorkerLaunch> {
    if (!this.#asked) this.#channel.post({ type: "launch?" });
    this.#asked = true;
    return this.#latest ?? await orAborted(this.#launch.promise, signal);
  }

  /** Sets who is told of other groups, replacing an earlier one. */
  onGroups(handler: (groups: readonly GroupConfig[]) => void): void {
    this.#onGroups = handler;
  }
}

/** Main's side: answers as soon as it is known; never, when it never is. */
export function answerLaunch(
  channel: Channel<LaunchQuestion, LaunchAnswer>,
  launch: Promise<WorkerLaunch>,
): void {
  channel.onMessage(() => {
    // owner: the channel, which drops what is posted once it is closed.
    void launch.then((launch) => channel.post({ type: "launch", launch }), () => {});
  });
}
