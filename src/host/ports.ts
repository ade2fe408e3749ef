/**
 * TCP ports of this machine: is one free, and does this process still listen on it. The kernel's own
 * table is the proof; where there is none (no /proc) a bind test takes its place.
 */

import { mayCallForeign, mayRead } from "../base/permitted.ts";

/** A socket that listens, as the kernel lists it. */
export interface Listener {
  /** As in the table: hex address and port, for instance `0100007F:2710`. */
  readonly local: string;
  readonly port: number;
  /** Names the socket in `/proc/<pid>/fd`. */
  readonly inode: string;
}

/** The state that the kernel's table gives a listening socket. */
const LISTEN = "0A";

/** The listening sockets in the text of `/proc/net/tcp` or `/proc/net/tcp6`. */
export function parseListeners(table: string): Listener[] {
  const found: Listener[] = [];
  for (const line of table.split("\n").slice(1)) {
    const cells = line.trim().split(/\s+/);
    const [, local, , state] = cells;
    const inode = cells[9];
    if (local === undefined || state !== LISTEN || inode === undefined) continue;
    found.push({ local, port: parseInt(local.slice(local.lastIndexOf(":") + 1), 16), inode });
  }
  return found;
}

/** Who listens on a port of this machine, or null where the kernel does not say. */
export function listenersOn(port: number): Listener[] | null {
  const found: Listener[] = [];
  let read = false;
  for (const path of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    if (!mayRead(path)) continue;
    try {
      found.push(...parseListeners(Deno.readTextFileSync(path)));
      read = true;
    } catch {
      // No such table: IPv6 is off, or this is no Linux.
    }
  }
  return read ? found.filter((listener) => listener.port === port) : null;
}

/**
 * Sockets of this process that listen on a port now, each as its address. Empty means proved gone,
 * since a socket that another process opened there meanwhile is not ours. The kernel is asked about
 * each of our own: its table of all sockets takes 20 ms to read on a machine with much memory.
 *
 * @param hostname where it listened: an isolate that may not ask the kernel tries to listen there
 */
export function ourListeners(port: number, hostname = "127.0.0.1"): string[] {
  if (!mayCallForeign()) return listenersInTable(port, hostname);
  let calls: Deno.DynamicLibrary<typeof SYMBOLS>;
  try {
    calls = Deno.dlopen("libc.so.6", SYMBOLS);
  } catch {
    return listenersInTable(port, hostname);
  }
  try {
    const found: string[] = [];
    for (const { fd } of ourSockets()) {
      const address = listeningAddress(calls, fd);
      if (address?.port === port) found.push(address.text);
    }
    return found;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return listenersInTable(port, hostname);
  } finally {
    calls.close();
  }
}

/** As {@linkcode ourListeners}, where the kernel's table, or at least a bind test, has to do. */
export function listenersInTable(port: number, hostname = "127.0.0.1"): string[] {
  const listeners = listenersOn(port);
  if (listeners === null) return isPortFree(hostname, port) ? [] : [`${hostname}:${port}`];
  if (listeners.length === 0) return [];
  const ours = new Set(ourSockets().map(({ inode }) => inode));
  return listeners.filter(({ inode }) => ours.has(inode)).map(({ local }) => local);
}

const SYMBOLS = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
} as const;
/** socket(7), ip(7), ipv6(7). */
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const AF_INET = 2;
const AF_INET6 = 10;
/** `struct sockaddr_storage`. */
const ADDRESS_BYTES = 128;

/** Where one of our descriptors listens, or null when it is no TCP socket that does. */
function listeningAddress(
  { symbols }: Deno.DynamicLibrary<typeof SYMBOLS>,
  fd: number,
): { port: number; text: string } | null {
  const listens = new Int32Array(1);
  const optionBytes = new Uint32Array([listens.byteLength]);
  const asked = symbols.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, listens, optionBytes);
  if (asked !== 0 || listens[0] === 0) return null;
  const address = new Uint8Array(ADDRESS_BYTES);
  if (symbols.getsockname(fd, address, new Uint32Array([ADDRESS_BYTES])) !== 0) return null;
  const view = new DataView(address.buffer);
  // The family is in the machine's order (every machine that Deno runs on), the port in the network's.
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) return { port, text: `${address.subarray(4, 8).join(".")}:${port}` };
  if (family !== AF_INET6) return null;
  const groups = Array.from({ length: 8 }, (_, at) => view.getUint16(8 + 2 * at).toString(16));
  return { port, text: `[${groups.join(":")}]:${port}` };
}

/** True when a socket could listen there now. */
export function isPortFree(hostname: string, port: number): boolean {
  try {
    Deno.listen({ hostname, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

function ourSockets(): { fd: number; inode: string }[] {
  const found: { fd: number; inode: string }[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      const match = /^socket:\[(\d+)\]$/.exec(Deno.readLinkSync(`/proc/self/fd/${name}`));
      if (match !== null) found.push({ fd: Number(name), inode: match[1]! });
    } catch {
      // Closed since it was listed.
    }
  }
  return found;
}
