/** A stop that was asked for over HTTP: opens the responder, then stops. Runs in main. */
import { IrisError } from "../../base/errors.ts";
import { type StopResponder, stopResponder } from "../../http/stop_responder.ts";
import type { ListenConfig } from "../../host/http_server.ts";
import type { StopReport } from "../../lifecycle/part.ts";
import type { ClusterStopAnswer, ClusterStopRequest } from "../../wire/api.ts";
import type { RootControl } from "../root.ts";

/** Takes requests for a stop, and hands the report to whoever asked. */
export class StopRequests {
  readonly #control: () => RootControl;
  #asked: { id: string; responder: StopResponder } | null = null;

  /** @param control the root that is stopped; known once it is made */
  constructor(control: () => RootControl) {
    this.#control = control;
  }

  /** Begins the stop; the same id again gets the same answer. */
  async ask(
    request: ClusterStopRequest,
    at: { listen: ListenConfig; token: string; asker: string | null },
  ): Promise<ClusterStopAnswer> {
    if (this.#asked !== null) {
      if (this.#asked.id !== request.id) {
        throw new IrisError("closing", "The cluster is stopping already");
      }
      this.#nearer(request);
      return { id: request.id, reportUrl: this.#asked.responder.url() };
    }
    const control = this.#control();
    const responder = stopResponder({ id: request.id, ...at, clock: control.owner.clock });
    this.#asked = { id: request.id, responder };
    await control.owner.own(responder.part, { stage: 0 });
    this.#nearer(request);
    return { id: request.id, reportUrl: responder.url() };
  }

  /** True once somebody asked for the stop of the whole cluster, not of this process alone. */
  get asked(): boolean {
    return this.#asked !== null;
  }

  /** The report is there. */
  async deliver(report: StopReport): Promise<void> {
    await this.#asked?.responder.deliver(report);
  }

  #nearer({ remainingMs }: ClusterStopRequest): void {
    const control = this.#control();
    // The answer has to leave before the server that carries it begins to stop.
    // owner: the root, whose stop it is.
    queueMicrotask(() => void control.stop("shutdown", remainingMs ?? undefined));
  }
}
