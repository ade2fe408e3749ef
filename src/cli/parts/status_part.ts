/**
 * Main's end of its channel to the controller's server: publishes the live tree and what is not
 * well, and takes the request to stop the cluster. Runs in main.
 */
import { systemClock, type Timer } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { MainToServer, ManagerStop, ServerToMain } from "../../controller/messages.ts";
import type { TlsIdentity } from "../../host/tls.ts";
import { PortChannel } from "../../lifecycle/channel.ts";
import type { Owner } from "../../lifecycle/owner.ts";
import type { Part, StartContext } from "../../lifecycle/part.ts";
import { unwell } from "../../lifecycle/watch.ts";
import type { ClusterStopAnswer, ClusterStopRequest } from "../../wire/api.ts";
import type { TokenFiles } from "./tokens.ts";

/** How often the tree is published, in ms. */
const PUBLISH_MS = 250;

/** What is published, and who takes a request to stop. */
export interface StatusOptions {
  readonly port: MessagePort;
  /** The root whose tree is shown. */
  readonly root: Owner;
  /** Begins the stop, and says where its report will be. */
  readonly onStop: (
    request: ClusterStopRequest,
    asker: string | null,
  ) => Promise<ClusterStopAnswer>;
  readonly tokens: TokenFiles;
  /** What the server is to show instead of what it began with. */
  readonly identity?: () => TlsIdentity | null;
}

/** The publisher, which also carries what else main asks of the server. */
export interface StatusPart extends Part {
  /** Asks the VM managers elsewhere to end all that is theirs; resolves with what they said. */
  stopManagers(remainingMs: number): Promise<readonly ManagerStop[]>;
}

/** The publisher as a part. */
export function statusPart(options: StatusOptions): StatusPart {
  const channel = new PortChannel<ServerToMain, MainToServer>(options.port);
  let timer: Timer | null = null;
  let closing = false;
  const publish = () => {
    const tree = options.root.tree();
    const tokens = options.tokens.current;
    const tls = options.identity?.() ?? null;
    const status = { tree, problems: unwell(tree), closing, tokens, ...(tls !== null && { tls }) };
    channel.post({ type: "status", ...status });
  };
  const managers = Promise.withResolvers<readonly ManagerStop[]>();
  const answer = async (message: ServerToMain) => {
    if (message.type === "managers_stopped") return managers.resolve(message.managers);
    try {
      if (message.type === "rotate_token") {
        const { which, token, graceMs, id } = message;
        options.tokens.rotate(which, token, { graceMs, nowMs: systemClock.wall() });
        return channel.post({ type: "rotated", id, tokens: options.tokens.current });
      }
      const stopping = await options.onStop(message.request, message.asker ?? null);
      channel.post({ type: "stopping", id: message.id, answer: stopping });
    } catch (error) {
      const code = error instanceof IrisError ? error.code : "internal";
      channel.post({
        type: "refused",
        id: message.id,
        refusal: { code, message: messageOf(error) },
      });
    }
  };
  return {
    name: "status",
    kind: "resource",
    start({ clock }: StartContext) {
      // owner: the root, whose stop it begins.
      channel.onMessage((message) => void answer(message));
      const next = () => {
        publish();
        timer = clock.setTimer(PUBLISH_MS, next);
      };
      next();
    },
    close() {
      closing = true;
      publish();
    },
    stopManagers(remainingMs) {
      channel.post({ type: "stop_managers", id: 0, remainingMs });
      return managers.promise;
    },
    release() {
      timer?.cancel();
      channel.close();
    },
  };
}
