/**
 * Which VM uses which host, noted here before the host is touched: a host that cannot be asked after a
 * restart is then not forgotten. One file in the group's folder, owned by the provider.
 */
import { IrisError, messageOf } from "../../base/errors.ts";
import { writeWhole } from "../../host/state_dir.ts";

/** What is noted of a VM, here and on its host. Plain data. */
export interface HostUse {
  readonly vm: string;
  /** As `hostKey` names it. */
  readonly host: string;
  readonly group: string;
  readonly slice: string;
  /** All VMs of the slice. */
  readonly vms: readonly string[];
  /** The ports of its tunnel; null when there is none, or none was chosen yet. */
  readonly ports: TunnelPorts | null;
}

/** See `tunnel.ts`. */
export interface TunnelPorts {
  /** On the host, for the controller's addresses in their order. */
  readonly controllers: readonly number[];
  /** On the host: where the worker listens. */
  readonly worker: number;
  /** Here: what leads to the worker. */
  readonly here: number;
}

/** See the head of this file. */
export class UseBook {
  readonly #path: string;
  readonly #uses = new Map<string, HostUse>();

  /** @throws {IrisError} `state_dir` when the file cannot be read */
  constructor(folder: string) {
    this.#path = `${folder}/ssh-hosts.json`;
    try {
      for (const use of readUses(this.#path)) this.#uses.set(use.vm, use);
    } catch (error) {
      throw new IrisError("state_dir", `${this.#path} cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** The use of a VM; undefined when there is none. */
  get(vm: string): HostUse | undefined {
    return this.#uses.get(vm);
  }

  /** All of them. */
  all(): readonly HostUse[] {
    return [...this.#uses.values()];
  }

  /** Notes uses, all or none. @throws when they cannot be written */
  put(...uses: readonly HostUse[]): void {
    const before = uses.map((use) => this.#uses.get(use.vm));
    for (const use of uses) this.#uses.set(use.vm, use);
    try {
      this.#write();
    } catch (error) {
      for (const [at, use] of uses.entries()) {
        const earlier = before[at];
        if (earlier === undefined) this.#uses.delete(use.vm);
        else this.#uses.set(use.vm, earlier);
      }
      throw error;
    }
  }

  /** The VM is proved gone. What cannot be written is only looked for in vain, later. */
  remove(vm: string): void {
    if (!this.#uses.delete(vm)) return;
    try {
      this.#write();
    } catch {
      // See above.
    }
  }

  #write(): void {
    writeWhole(this.#path, `${JSON.stringify([...this.#uses.values()])}\n`, { temporary: false });
  }
}

function readUses(path: string): HostUse[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new Error("it has another form");
  return value.map((one) => {
    const use = useOf(one);
    if (use === null) throw new Error("it has another form");
    return use;
  });
}

/** A use, from what was read somewhere; null when that is none. */
export function useOf(value: unknown): HostUse | null {
  const { vm, host, group, slice, vms, ports = null } = Object(value) as Partial<HostUse>;
  if (![vm, host, group, slice].every((one) => typeof one === "string")) return null;
  if (!Array.isArray(vms) || !vms.every((one) => typeof one === "string")) return null;
  if (ports !== null && !isPorts(ports)) return null;
  return { vm: vm!, host: host!, group: group!, slice: slice!, vms, ports };
}

function isPorts(ports: TunnelPorts): boolean {
  const { controllers, worker, here } = Object(ports) as Partial<TunnelPorts>;
  return Array.isArray(controllers) && [...controllers, worker, here].every(Number.isInteger);
}
