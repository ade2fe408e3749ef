/** Asks hosts what they have of the cluster, some at a time. Owns the connections while it asks. */
import { messageOf } from "../../base/errors.ts";
import { LIST, preludeScript } from "./remote_scripts.ts";
import { hostOfKey, sshCommand } from "./ssh_command.ts";
import { SshSession } from "./ssh_session.ts";
import type { SshWorld } from "./ssh_world.ts";
import { type HostUse, useOf } from "./use_book.ts";

/** So many hosts are asked at the same time. */
const AT_ONCE = 16;

/** What was seen. */
export interface HostsSeen {
  readonly answered: Set<string>;
  /** Why the others could not be asked: one line each, by host. */
  readonly problems: Map<string, string>;
  /** VMs that have a label, by name. */
  readonly uses: Map<string, HostUse>;
  /** Folders that have none. */
  readonly unlabelled: { readonly host: string; readonly vm: string }[];
}

/** See the head of this file. */
export class HostLook {
  readonly #world: SshWorld;

  /** @param world whose clients it adds to, while it asks */
  constructor(world: SshWorld) {
    this.#world = world;
  }

  /** Asks these hosts. Rejects only when it was aborted. */
  async all(hosts: readonly string[], signal: AbortSignal): Promise<HostsSeen> {
    const seen: HostsSeen = {
      ...{ answered: new Set(), problems: new Map(), uses: new Map(), unlabelled: [] },
    };
    const todo = [...hosts];
    const asker = async () => {
      for (let host = todo.shift(); host !== undefined; host = todo.shift()) {
        await this.#ask(host, { seen, signal });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, asker));
    signal.throwIfAborted();
    return seen;
  }

  async #ask(host: string, of: { seen: HostsSeen; signal: AbortSignal }): Promise<void> {
    const { seen, signal } = of;
    try {
      const lines = await this.#list(host, signal);
      seen.answered.add(host);
      takeList(lines, { host, seen });
    } catch (error) {
      seen.problems.set(host, `${host}: ${messageOf(error)}`);
    }
  }

  async #list(host: string, signal: AbortSignal): Promise<readonly string[]> {
    const { config, cluster, clock, timing } = this.#world;
    const session = await SshSession.open({
      clients: this.#world.clients,
      command: sshCommand(config, { host: hostOfKey(host), forwards: [] }),
      connectTimeoutMs: config.connectTimeoutMs,
      shellMs: timing.phaseMs,
      ...{ clock, signal },
    });
    try {
      const prelude = preludeScript({ folder: config.folder, cluster, vm: null });
      const script = `${prelude}\n${LIST}`;
      return (await session.say(script, { timeoutMs: timing.phaseMs })).lines;
    } finally {
      await session.close();
    }
  }
}

/** Reads what a host listed. Where a VM is, the host says; what it is, its label. */
function takeList(lines: readonly string[], { host, seen }: { host: string; seen: HostsSeen }) {
  let vm: string | null = null;
  const bare = () => vm !== null && seen.unlabelled.push({ host, vm });
  for (const line of lines) {
    if (line.startsWith("@vm ")) {
      bare();
      vm = line.slice("@vm ".length);
    } else if (line.startsWith("@label ") && vm !== null) {
      const use = labelOf(line.slice("@label ".length));
      if (use === null || use.vm !== vm) continue;
      seen.uses.set(vm, { ...use, host });
      vm = null;
    }
  }
  bare();
}

function labelOf(text: string): HostUse | null {
  try {
    return useOf(JSON.parse(text));
  } catch {
    return null;
  }
}
