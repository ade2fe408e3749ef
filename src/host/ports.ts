/**
 * TCP ports of this machine: is one free, and does this process still listen on it. The kernel's own
 * table is the proof; where there is none (no /proc) a bind test takes its place.
 */

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
 * Sockets of this process that listen on a port now. Empty means proved gone, since a socket that
 * another process opened there meanwhile is not ours.
 */
export function ourListeners(port: number): string[] {
  const listeners = listenersOn(port);
  if (listeners === null) return isPortFree("127.0.0.1", port) ? [] : [`127.0.0.1:${port}`];
  if (listeners.length === 0) return [];
  const ours = ourSockets();
  return listeners.filter(({ inode }) => ours.has(inode)).map(({ local }) => local);
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

function ourSockets(): Set<string> {
  const inodes = new Set<string>();
  for (const entry of Deno.readDirSync("/proc/self/fd")) {
    try {
      const match = /^socket:\[(\d+)\]$/.exec(Deno.readLinkSync(`/proc/self/fd/${entry.name}`));
      if (match !== null) inodes.add(match[1]!);
    } catch {
      // Closed since it was listed.
    }
  }
  return inodes;
}
