/**
 * The part of the judge that looks at what belongs to attempts: ports, endpoints, bundles. It knows the
 * processes and every transaction, and trusts no book of keepers, workers and the controller.
 */
import type { EndpointRow, StoreChanges } from "../../src/store/rows.ts";
import { attemptUid } from "../../src/wire/runs.ts";
import type { KeeperSpec } from "../../src/worker/keeper_link.ts";
import type { BundleWitness } from "./sim_bundles.ts";
import type { SimProcess } from "./sim_keeper.ts";

/** What an endpoint is known by. */
type Key = string;

/** See the head of this file. */
export class Belongings implements BundleWitness {
  readonly #broken: (what: string) => void;
  /** What is stored now. */
  readonly #endpoints = new Map<Key, EndpointRow>();
  /** Attempts and names that were ever stored, or told and gone in one transaction. */
  readonly #ever = new Set<string>();
  /** Processes that live, by worker. */
  readonly #live = new Map<string, Map<SimProcess, KeeperSpec>>();
  readonly #ports = new Map<string, Readonly<Record<string, number>>>();
  /** Generations that may run in their bundle, by worker. */
  readonly #holds = new Map<string, Set<number>>();
  /** Workers whose loop still waits for what ran before it began. */
  readonly #unsettled = new Set<string>();

  constructor(broken: (what: string) => void) {
    this.#broken = broken;
  }

  /** A process began. */
  began(process: SimProcess, spec: KeeperSpec): void {
    const { uid, generation, index, attempt, keeper, ports = {} } = process;
    const { worker } = keeper;
    const live = this.#liveOn(worker);
    const asked = spec.options?.ports ?? [];
    if (asked.join() !== Object.keys(ports).join()) {
      this.#broken(`${uid} asked for the ports ${asked}, and has ${Object.keys(ports)}`);
    }
    for (const [other] of live) {
      const both = Object.values(other.ports ?? {}).filter((port) =>
        Object.values(ports).includes(port)
      );
      if (both.length > 0) this.#broken(`${uid} and ${other.uid} hold port ${both} of ${worker}`);
    }
    const bundle = spec.env.IRIS_BUNDLE_DIR;
    if (spec.env.BUNDLE !== bundle?.split("/").at(-1)) {
      this.#broken(`${uid} of a job with the bundle ${spec.env.BUNDLE} began in ${bundle}`);
    }
    const holds = this.#holds.get(worker)?.has(generation) ?? false;
    if (bundle !== undefined && !holds && !this.#unsettled.has(worker)) {
      this.#broken(`${uid} began on ${worker}, where its bundle is not in use`);
    }
    for (const row of this.#endpoints.values()) {
      const stale = row.generation === generation && row.task === index && row.attempt < attempt;
      if (stale) this.#broken(`${uid} began, and endpoint ${row.name} of its last try is stored`);
    }
    live.set(process, spec);
    this.#ports.set(uid, ports);
  }

  /** A process ended. */
  ended(process: SimProcess): void {
    this.#liveOn(process.keeper.worker).delete(process);
  }

  /** A transaction is in the database. `processOf` knows whatever ever ran. */
  committed(changes: StoreChanges, processOf: (uid: string) => SimProcess | undefined): void {
    for (const row of [...changes.endpoints, ...changes.goneEndpoints]) this.#check(row, processOf);
    for (const row of changes.endpoints) this.#endpoints.set(keyOf(row), row);
    for (const row of changes.goneEndpoints) this.#endpoints.delete(keyOf(row));
    for (const [generation, from, to, state, attempt, , cause] of changes.results) {
      for (const row of this.#endpoints.values()) {
        if (row.generation !== generation || row.task < from || row.task >= to) continue;
        this.#broken(`endpoint ${row.name} of ${generation}.${row.task} outlives it: ${state}`);
      }
      for (let index = from; attempt !== null && cause === "exit" && index < to; index++) {
        const uid = attemptUid(generation, index, attempt);
        // What a keeper told in its last moments may be known by its journal alone.
        if (processOf(uid)?.keeper.alive !== true) continue;
        for (const name of Object.keys(this.#ports.get(uid) ?? {})) {
          if (this.#ever.has(`${uid} ${name}`)) continue;
          this.#broken(`${uid} had a port ${name}, and nobody was told`);
        }
      }
    }
  }

  /** A task was told that its endpoint is known. */
  acknowledged(uid: string, name: string): void {
    if (this.#ever.has(`${uid} ${name}`)) return;
    this.#broken(`endpoint ${name} of ${uid} was acknowledged, and is not stored`);
  }

  /** The endpoints that a controller would begin with are those of every transaction before. */
  checkStore(stored: readonly EndpointRow[]): void {
    const there = new Set(stored.map((row) => `${keyOf(row)} ${row.attempt} ${row.address}`));
    const told = [...this.#endpoints.values()].map((row) =>
      `${keyOf(row)} ${row.attempt} ${row.address}`
    );
    const lost = told.filter((line) => !there.delete(line));
    if (lost.length + there.size > 0) {
      this.#broken(`the store has not the endpoints ${lost}, and has ${[...there]}`);
    }
  }

  /** Everything is over: no endpoint is left. */
  final(open: ReadonlySet<number>): void {
    for (const { generation, task, name } of this.#endpoints.values()) {
      if (open.has(generation)) continue;
      this.#broken(`endpoint ${name} of ${generation}.${task} is left, and its job is over`);
    }
  }

  shelfBegan(worker: string): void {
    this.#holds.set(worker, new Set());
    this.#unsettled.add(worker);
  }

  bundleReady(worker: string, generation: number): void {
    this.#holds.get(worker)!.add(generation);
  }

  bundleReleased(worker: string, generation: number): void {
    this.#holds.get(worker)!.delete(generation);
    for (const [process] of this.#inBundles(worker)) {
      if (process.generation !== generation || this.#unsettled.has(worker)) continue;
      this.#broken(`the bundle of ${generation} is given back on ${worker}: ${process.uid} runs`);
    }
  }

  bundlesSettled(worker: string): void {
    this.#unsettled.delete(worker);
    for (const [{ uid, generation }] of this.#inBundles(worker)) {
      if (this.#holds.get(worker)!.has(generation)) continue;
      this.#broken(`${worker} counts its earlier tasks as ended: ${uid} runs`);
    }
  }

  /** What runs in a bundle. After its keeper died it is swept, and nothing else begins. */
  #inBundles(worker: string): (readonly [SimProcess, KeeperSpec])[] {
    return [...this.#liveOn(worker)].filter(([{ keeper }, { env }]) =>
      keeper.alive && env.IRIS_BUNDLE_DIR !== undefined
    );
  }

  #check(row: EndpointRow, processOf: (uid: string) => SimProcess | undefined): void {
    const uid = attemptUid(row.generation, row.task, row.attempt);
    this.#ever.add(`${uid} ${row.name}`);
    const process = processOf(uid);
    if (process === undefined) return this.#broken(`endpoint ${row.name} of ${uid}: it never ran`);
    const port = process.ports?.[row.name];
    const [host = "", told] = row.address.split(":");
    if (port !== undefined && Number(told) !== port) {
      this.#broken(`endpoint ${row.name} of ${uid} is ${row.address}: its port is ${port}`);
    }
    if (!host.startsWith(`${process.keeper.worker}-`)) {
      this.#broken(`endpoint ${row.name} of ${uid} is ${row.address}: that is another worker`);
    }
  }

  #liveOn(worker: string): Map<SimProcess, KeeperSpec> {
    const live = this.#live.get(worker) ?? new Map<SimProcess, KeeperSpec>();
    this.#live.set(worker, live);
    return live;
  }
}

function keyOf({ generation, task, name }: EndpointRow): Key {
  return `${generation}.${task} ${name}`;
}
