/** The C library, as far as terminals, pipes and waiting for them need it. */

const SYMBOLS = {
  // Waits on a thread of its own, so that the isolate goes on meanwhile.
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname_r: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

/** The opened library. */
export type HeldLibc = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Opens it. @throws where there is none of that name, or FFI is not to be had */
export function openHeldLibc(): HeldLibc {
  return Deno.dlopen("libc.so.6", SYMBOLS);
}

/** The error number of the last call that failed. */
export function errnoOf(libc: HeldLibc): number {
  const at = libc.symbols.__errno_location();
  return at === null ? 0 : new Deno.UnsafePointerView(at).getInt32();
}
