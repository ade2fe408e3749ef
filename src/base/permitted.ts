/**
 * Whether this isolate may do something at all. What it may not it does not try: at a terminal Deno would
 * ask the person there.
 */

/** Whether a file may be read. */
export function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/** Whether foreign functions may be called. */
export function mayCallForeign(): boolean {
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}
