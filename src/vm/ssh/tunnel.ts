/**
 * How a controller that listens on loopback alone and a worker elsewhere reach each other: ports that
 * the ssh connection passes on, both ways. The ports are chosen before there is a connection and stay
 * the same over all of them, since the worker knows them from its command line. Pure.
 */
import type { Random } from "../../base/random.ts";
import { hostOf, portOf, urlHost, withHost } from "../../host/address.ts";
import type { Forward } from "./ssh_command.ts";
import type { TunnelPorts } from "./use_book.ts";

/** Above the ports that tasks are given, below those that a kernel gives to whoever asks for any. */
const FROM = 30_000;
const COUNT = 2_768;

/**
 * Chooses ports for so many addresses of a controller.
 *
 * @param isFree whether a port of this machine is free
 */
export function pickPorts(
  controllers: number,
  { random, isFree }: { random: Random; isFree: (port: number) => boolean },
): TunnelPorts {
  const at = () => FROM + Math.floor(random.next() * COUNT);
  const there = new Set<number>();
  while (there.size < controllers + 1) there.add(at());
  const [worker = FROM, ...rest] = there;
  let here = at();
  for (let tries = 0; tries < COUNT && !isFree(here); tries++) here = at();
  return { controllers: rest, worker, here };
}

/** What the connection passes on. */
export function forwardsOf(ports: TunnelPorts, controllerUrls: readonly string[]): Forward[] {
  const back = ports.controllers.flatMap((port, at): Forward[] => {
    const url = controllerUrls[at] ?? controllerUrls[0];
    if (url === undefined) return [];
    return [{ from: "remote", port, to: `${urlHost(hostOf(url))}:${portOf(url)}` }];
  });
  return [...back, { from: "local", port: ports.here, to: `127.0.0.1:${ports.worker}` }];
}

/** The controller's addresses as the host sees them. */
export function urlsThere(ports: TunnelPorts, controllerUrls: readonly string[]): string[] {
  return controllerUrls.map((url, at) =>
    withHost(url, { host: "127.0.0.1", port: ports.controllers[at]! })
  );
}

/** What a worker at the other end of a tunnel is told. */
export function tunnelFlags(ports: TunnelPorts): string[] {
  return [
    "--host=127.0.0.1",
    `--port=${ports.worker}`,
    `--advertise=127.0.0.1:${ports.here}`,
  ];
}
