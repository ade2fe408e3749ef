/**
 * Programs for arm64 on a machine of another architecture, by Debian's emulator for single programs. The
 * kernel is told of it in a user namespace of the test's own (binfmt_misc has had one for each since Linux
 * 6.7), so that what a program starts by its own path works too, and nobody else on the machine sees it.
 */
import { hasCommand } from "./require.ts";

const EMULATOR = "/usr/bin/qemu-aarch64";
/** Where the C library for arm64 lies, with its loader below `lib`. */
const LIBRARIES = "/usr/aarch64-linux-gnu";
const BINFMT = "/proc/sys/fs/binfmt_misc";
/** The first 20 bytes of a program for arm64, and which of their bits count (elf(5)). */
const MAGIC = String.raw`\x7fELF\x02\x01\x01` + String.raw`\x00`.repeat(9) +
  String.raw`\x02\x00\xb7\x00`;
const MASK = String.raw`\xff`.repeat(7) + String.raw`\x00` + String.raw`\xff`.repeat(8) +
  String.raw`\xfe\xff\xff\xff`;
const SCRIPT = `mount -t binfmt_misc binfmt_misc ${BINFMT} &&
printf '%s' "$1" >${BINFMT}/register && shift && exec "$@"`;

/**
 * What comes in front of a command, so that it and all that it starts may be programs for arm64. They take
 * twenty times as long, and the program's own limits on its start stay: they go before other processes.
 */
export const ON_ARM64: readonly string[] = [
  ...["nice", "-n", "-15"],
  ...["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"],
  `:iris-arm64:M::${MAGIC}:${MASK}:${EMULATOR}:F`,
];

/** The environment that goes with it. Without a compiler for its code V8 is quicker there. */
export const ARM64_ENV: Readonly<Record<string, string>> = {
  QEMU_LD_PREFIX: LIBRARIES,
  DENO_V8_FLAGS: "--jitless",
};

/** Whether this machine can run them. */
export async function canRunArm64(): Promise<boolean> {
  if (Deno.build.arch !== "x86_64" || !await hasCommand("npm")) return false;
  const [command = "", ...args] = [
    ...ON_ARM64,
    `${LIBRARIES}/lib/ld-linux-aarch64.so.1`,
    "--version",
  ];
  const probe = new Deno.Command(command, { args, stdout: "null", stderr: "null" });
  return (await probe.output()).success && Deno.statSync(`${LIBRARIES}/lib/libgcc_s.so.1`).isFile;
}
