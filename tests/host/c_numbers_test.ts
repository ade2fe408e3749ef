/**
 * What src/host says of the C library in numbers (flags, sizes, places in structs), against the headers
 * of every architecture that there is a file for: the compiler only reads them, nothing is run.
 */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { hasCommand, needs } from "../support/require.ts";

const HOST = fromFileUrl(new URL("../../src/host", import.meta.url));
const ARM64_HEADERS = "/usr/aarch64-linux-gnu/include";
const INCLUDES = [
  ..."elf errno fcntl netinet/in poll pty spawn signal stdint termios linux/falloc".split(" "),
  ..."eventfd inotify ioctl prctl resource socket statfs wait".split(" ").map((name) =>
    `sys/${name}`
  ),
];
/** By what C names what a constant says; null for what is ours to choose. */
const NAMES: Readonly<Record<string, string | null>> = {
  ADDRESS_BYTES: "sizeof(struct sockaddr_storage)",
  HANDLED_MS: null,
  CUTIME_END: null,
  ENTRY_BYTES: "sizeof(struct pollfd)",
  EVENT_BYTES: "sizeof(struct inotify_event)",
  FIRST_OTHER_FD: "STDERR_FILENO + 1",
  FOR_EVER: null,
  IN_OVERFLOW: "IN_Q_OVERFLOW",
  MAX_ACTIONS: null,
  MAX_EXTRA: null,
  MODE: null,
  NAME_BYTES: null,
  O_APPEND_CREATE: "(O_WRONLY | O_CREAT | O_APPEND)",
  PAGE_BYTES: null,
  PUNCH_KEEP_SIZE: "(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)",
  QUEUE_BYTES: null,
  RSS: null,
  RUSAGE_WORDS: "sizeof(struct rusage) / 8",
  SCRATCH_BYTES: null,
  SIGSET_BYTES: "sizeof(sigset_t)",
  SIG_IGN: "(long)SIG_IGN",
  SPAWN_SETSID: "POSIX_SPAWN_SETSID",
  SPAWN_SETSIGDEF: "POSIX_SPAWN_SETSIGDEF",
  SPAWN_SETSIGMASK: "POSIX_SPAWN_SETSIGMASK",
  STDIN: "STDIN_FILENO",
  STRUCT_BYTES: null,
  TERMIOS_BYTES: null,
  UTIME: null,
  WORDS: null,
};
/** What the code takes for granted without a constant. */
const LAYOUTS = [
  "sizeof(long) == 8 && sizeof(void *) == 8 && sizeof(size_t) == 8 && sizeof(off_t) == 8",
  "sizeof(posix_spawnattr_t) <= 1024 && sizeof(posix_spawn_file_actions_t) <= 1024",
  "sizeof(struct termios) <= 256 && sizeof(struct statfs) <= 32 * 8",
  "sizeof(short) == 2 && sizeof(((posix_spawnattr_t *)0)->__flags) == 2",
  "offsetof(struct rusage, ru_utime.tv_sec) == 0 && offsetof(struct rusage, ru_utime.tv_usec) == 8",
  "offsetof(struct rusage, ru_stime.tv_sec) == 16 && offsetof(struct rusage, ru_maxrss) == 32",
  "offsetof(struct pollfd, fd) == 0 && offsetof(struct pollfd, events) == 4",
  "offsetof(struct pollfd, revents) == 6 && sizeof(nfds_t) == 8",
  "offsetof(struct inotify_event, wd) == 0 && offsetof(struct inotify_event, mask) == 4",
  "offsetof(struct inotify_event, len) == 12",
  "offsetof(struct winsize, ws_row) == 0 && offsetof(struct winsize, ws_col) == 2",
  "sizeof(struct winsize) == 8 && sizeof(pid_t) == 4 && sizeof(socklen_t) == 4",
  "offsetof(struct statfs, f_bsize) == 8 && offsetof(struct statfs, f_blocks) == 16",
  "offsetof(struct statfs, f_bfree) == 24 && offsetof(struct statfs, f_bavail) == 32",
  "offsetof(struct statfs, f_files) == 40 && offsetof(struct statfs, f_ffree) == 48",
  "offsetof(struct sockaddr_in, sin_port) == 2 && offsetof(struct sockaddr_in, sin_addr) == 4",
  "offsetof(struct sockaddr_in6, sin6_port) == 2 && offsetof(struct sockaddr_in6, sin6_addr) == 8",
  "sizeof(sa_family_t) == 2 && SIGINT == 2 && SIGTERM == 15",
  "EPERM == 1 && ENOENT == 2 && E2BIG == 7 && ENOEXEC == 8 && ENOMEM == 12 && EACCES == 13",
  "ENOTDIR == 20 && ENFILE == 23 && EMFILE == 24 && ETXTBSY == 26",
];

/** All numbers that have a name in files which call the C library, or read what the kernel packs. */
function numbers(): { where: string; name: string; value: number }[] {
  const found: { where: string; name: string; value: number }[] = [];
  for (const { name: file } of Deno.readDirSync(HOST)) {
    if (!file.endsWith(".ts")) continue;
    const text = Deno.readTextFileSync(`${HOST}/${file}`);
    const calls = /Deno\.dlopen|openLibc|openHeldLibc|HeldLibc|auxv/.test(text);
    if (!calls) continue;
    for (
      const [, name = "", digits = ""] of text.matchAll(
        /^(?:export )?const ([A-Z][A-Z0-9_]*) = (-?[0-9][\w ]*(?:\* [\w ]+)?);$/gm,
      )
    ) {
      const factors = digits.split("*").map((one) => Number(one.trim().replaceAll(/_|n$/g, "")));
      found.push({ where: file, name, value: factors.reduce((a, b) => a * b) });
    }
  }
  return found;
}

function program(): string {
  const lines = ["#define _GNU_SOURCE", "#include <stddef.h>", "#include <unistd.h>"];
  lines.push(...INCLUDES.map((name) => `#include <${name}.h>`));
  for (const { where, name, value } of numbers()) {
    const c = NAMES[name] === undefined ? name : NAMES[name];
    if (c !== null) lines.push(`_Static_assert((${c}) == ${value}, "${where}: ${name}");`);
  }
  lines.push(...LAYOUTS.map((layout) => `_Static_assert(${layout}, "the layout");`), "");
  return lines.join("\n");
}

async function compiler(args: readonly string[], source: string): Promise<string> {
  const child = new Deno.Command("cc", {
    args: ["-x", "c", "-fsyntax-only", ...args, "-"],
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { stdout, stderr } = await child.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test({
  name: "numbers that stand for C are those of this machine's headers",
  ...await needs("a C compiler (gcc, libc6-dev)", () => hasCommand("cc")),
  async fn() {
    assertEquals(await compiler([], program()), "");
    // It can tell: a number that is another one is named.
    const wrong = program().replace(/(\(O_CLOEXEC\)) == \d+/, "$1 == 1");
    assertEquals(/: O_CLOEXEC"/.test(await compiler([], wrong)), true);
  },
});

Deno.test({
  name: "numbers that stand for C are those of the headers of arm64",
  ...await needs("a C compiler and headers of arm64 (gcc, libc6-dev-arm64-cross)", async () => {
    return Deno.build.arch === "x86_64" && await hasCommand("cc") &&
      Deno.statSync(`${ARM64_HEADERS}/fcntl.h`).isFile;
  }),
  async fn() {
    // Types of both are equally large (LP64); everything else is what the headers make of the names.
    const asArm64 = ["-nostdinc", "-U__x86_64__", "-U__x86_64", "-D__aarch64__", "-D__AARCH64EL__"];
    const own = new TextDecoder().decode(
      (await new Deno.Command("cc", { args: ["-print-file-name=include"] }).output()).stdout,
    ).trim();
    const flags = [...asArm64, "-isystem", own, "-isystem", ARM64_HEADERS];
    assertEquals(await compiler(flags, program()), "");
    // A flag that differs between the two is seen as the other one.
    const differs = (value: string) =>
      `#include <fcntl.h>\n_Static_assert(O_DIRECTORY == ${value}, "");`;
    const source = (value: string) => `#define _GNU_SOURCE\n${differs(value)}\n`;
    assertEquals(await compiler(flags, source("040000")), "");
    assertEquals(await compiler([], source("0200000")), "");
  },
});
