/**
 * A controller: its five loops, each an isolate under main, and the channels between them. Start
 * order is core (with the store), heartbeat, server, autoscaler, scheduling; a stop goes backwards.
 * Runs in main.
 */
import {
  AUTOSCALER_CHANNEL,
  CORE_CHANNEL,
  CORE_CHANNELS,
  type CoreConfig,
  MAIN_CHANNEL,
} from "../../controller/messages.ts";
import { SERVER_CHANNEL, VM_CHANNEL } from "../../autoscaler/messages.ts";
import { bookFolder } from "../../controller/manager_book.ts";
import type { WebhookConfig } from "../../controller/webhook_loop.ts";
import type { HeartbeatConfig } from "../../heartbeat/heartbeat_loop.ts";
import type { ControllerServerConfig } from "../../http/server_loop.ts";
import { FIGURES_CHANNEL } from "../../lifecycle/figures_channel.ts";
import type { Owner } from "../../lifecycle/owner.ts";
import type { Part } from "../../lifecycle/part.ts";
import { emptyBackups } from "./backups_part.ts";
import { figuresPart } from "./figures_part.ts";
import { loopPart } from "./loops.ts";
import { controllerPermissions } from "./permissions.ts";

/** What a controller needs to know. */
export interface ControllerPartOptions {
  readonly core: CoreConfig;
  readonly heartbeat: HeartbeatConfig;
  readonly server: ControllerServerConfig;
  /** Calls whom jobs name at their end; nobody when null or left out. */
  readonly webhooks?: WebhookConfig | null;
  /** The autoscaler's end of its channel to a VM manager. */
  readonly vmPort: MessagePort;
  /** The server's end of its channel to main. */
  readonly mainPort: MessagePort;
  /** The root of the process, of which the server tells what it counted. */
  readonly root: Owner;
  /** Called when the server listens. */
  readonly onListening: (url: string) => void;
}

/** A controller as one part. */
export function controllerPart(options: ControllerPartOptions): Part {
  return {
    name: "controller",
    kind: "component",
    async start({ owner }) {
      const may = permissionsFor(options);
      // They load side by side, but read what the core's store holds: they begin when it is up. When it
      // does not come up nothing has to be said to them: the stop ends what only loaded.
      const coreUp = Promise.withResolvers<void>();
      const figures = new MessageChannel();
      const { core, loops } = controllerLoops(options, {
        may,
        coreUp: coreUp.promise,
        figures: figures.port1,
      });
      // The stages say in which order they go down, the store last.
      await Promise.all([
        owner.own(figuresPart(figures.port2, () => options.root), { stage: 0 }),
        owner.own(core, { stage: 0 }).then(() => coreUp.resolve()),
        ...loops.map((loop, at) => owner.own(loop, { stage: at + 1 })),
        ...webhookParts(options, { coreUp: coreUp.promise, permissions: may.webhooks }).map((
          part,
        ) => owner.own(part, { stage: 1 })),
      ]);
    },
  };
}

/** The loops and what ties them: the core, and the others in the order in which they go down, last first. */
function controllerLoops(
  options: ControllerPartOptions,
  of: {
    readonly may: ReturnType<typeof permissionsFor>;
    readonly coreUp: Promise<void>;
    readonly figures: MessagePort;
  },
): { core: Part; loops: Part[] } {
  const { may, coreUp, figures } = of;
  const [scheduling, heartbeat, server, autoscaler, desk] = [
    new MessageChannel(),
    new MessageChannel(),
    new MessageChannel(),
    new MessageChannel(),
    new MessageChannel(),
  ] as const;
  const core = loopPart<CoreConfig>("core", {
    name: "core",
    permissions: may.core,
    config: options.core,
    channels: {
      [CORE_CHANNELS.scheduling]: scheduling.port1,
      [CORE_CHANNELS.heartbeat]: heartbeat.port1,
      [CORE_CHANNELS.server]: server.port1,
      [CORE_CHANNELS.autoscaler]: autoscaler.port1,
    },
  });
  const loops = [
    loopPart<HeartbeatConfig>("heartbeat", {
      name: "heartbeat",
      permissions: may.heartbeat,
      config: coreUp.then(() => options.heartbeat),
      channels: { [CORE_CHANNEL]: heartbeat.port2 },
    }),
    loopPart<ControllerServerConfig>("server", {
      name: "server",
      permissions: may.server,
      config: coreUp.then(() => options.server),
      channels: {
        [CORE_CHANNEL]: server.port2,
        [MAIN_CHANNEL]: options.mainPort,
        [AUTOSCALER_CHANNEL]: desk.port1,
        [FIGURES_CHANNEL]: figures,
      },
      onReady: (info) => options.onListening((info as { url: string }).url),
    }),
    loopPart<null>("autoscaler", {
      name: "autoscaler",
      permissions: may.autoscaler,
      config: coreUp.then(() => null),
      channels: {
        [CORE_CHANNEL]: autoscaler.port2,
        [VM_CHANNEL]: options.vmPort,
        [SERVER_CHANNEL]: desk.port2,
      },
    }),
    loopPart<null>("scheduling", {
      name: "scheduling",
      permissions: may.scheduling,
      config: coreUp.then(() => null),
      channels: { [CORE_CHANNEL]: scheduling.port2 },
    }),
  ];
  return { core, loops };
}

/** The loop that calls whom jobs name: none where nobody may be called. */
function webhookParts(
  { webhooks = null }: ControllerPartOptions,
  { coreUp, permissions }: { coreUp: Promise<void>; permissions: Deno.PermissionOptionsObject },
): Part[] {
  if (webhooks === null) return [];
  const config = coreUp.then(() => webhooks);
  return [
    loopPart<WebhookConfig>("webhooks", { name: "webhooks", permissions, config, channels: {} }),
  ];
}

function permissionsFor({ server, webhooks }: ControllerPartOptions) {
  const { database, bundles } = server;
  emptyBackups(database);
  Deno.mkdirSync(bookFolder(database), { recursive: true, mode: 0o700 });
  const webhookBook = webhooks?.book ?? null;
  return controllerPermissions({ database, bundles: bundles.folder, webhookBook });
}
