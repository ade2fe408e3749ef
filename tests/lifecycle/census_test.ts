import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type Census,
  censusChanges,
  compareCensus,
  isolateThreads,
  takeCensus,
} from "../../src/lifecycle/census.ts";

const EMPTY: Census = { threads: [], children: [], listeners: [], files: [], uncounted: [] };

/** What is new now, as lines. */
const newSince = (before: Census) => compareCensus(before, takeCensus());

Deno.test("census names a thread, a child, a listening socket and an open file, and misses none", async () => {
  const before = takeCensus();
  assertEquals(before.uncounted, []);
  const child = new Deno.Command("sleep", { args: ["60"], stdin: "null", stdout: "null" }).spawn();
  const tcp = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const tcp6 = Deno.listen({ port: 0, hostname: "::1" });
  const path = await Deno.makeTempFile();
  const unix = Deno.listen({ transport: "unix", path: `${path}.sock` });
  const file = await Deno.open(path);
  const worker = new Worker("data:text/javascript,", { type: "module" });
  try {
    const lines = newSince(before);
    const has = (text: string) =>
      assert(lines.some((l) => l.includes(text)), `${text} in ${lines}`);
    has(`child process ${child.pid} (`);
    has(`listening socket tcp 127.0.0.1:${(tcp.addr as Deno.NetAddr).port}`);
    has(`listening socket tcp6 [::1]:${(tcp6.addr as Deno.NetAddr).port}`);
    has(`listening socket unix ${path}.sock`);
    has(`open file ${path}`);
    has("isolate thread worker-");
  } finally {
    worker.terminate();
    file.close();
    unix.close();
    tcp6.close();
    tcp.close();
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(path);
    await Deno.remove(`${path}.sock`).catch(() => {});
  }
  const kinds = new Set(censusChanges(before, takeCensus()).map((change) => change.kind));
  assertEquals(kinds.has("child"), false);
  assertEquals(kinds.has("socket"), false);
});

Deno.test("a connection is not a listening socket", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const before = takeCensus();
  const client = await Deno.connect({ port: (listener.addr as Deno.NetAddr).port });
  const server = await listener.accept();
  assertEquals(censusChanges(before, takeCensus()).filter((c) => c.kind === "socket"), []);
  client.close();
  server.close();
  listener.close();
});

Deno.test("comparing counts the same file as often as it is open, and tells new from gone", () => {
  const open = (...targets: string[]): Census => ({
    ...EMPTY,
    files: targets.map((target, fd) => ({ fd, target })),
  });
  assertEquals(compareCensus(open("/a", "/b"), open("/b", "/a")), []);
  assertEquals(compareCensus(open("/a"), open("/a", "/a", "/a")), [
    "new: open file /a",
    "new: open file /a",
  ]);
  assertEquals(compareCensus(open("/a"), open()), ["gone: open file /a"]);
});

Deno.test("only isolates count among threads", () => {
  const census: Census = {
    ...EMPTY,
    threads: [{ id: 1, name: "deno" }, { id: 2, name: "worker-7" }, { id: 3, name: "worker-x" }],
  };
  assertEquals(isolateThreads(census), [{ id: 2, name: "worker-7" }]);
  assertEquals(compareCensus(EMPTY, census), ["new: isolate thread worker-7 (2)"]);
});

Deno.test("without /proc the census says what it could not count", () => {
  const census = takeCensus("/proc/there-is-no-such-folder");
  assertEquals({ ...census, uncounted: [] }, EMPTY);
  assertEquals(census.uncounted.length, 4);
  assertStringIncludes(census.uncounted[0] ?? "", "threads could not be counted");
});

Deno.test("only sockets of this process that listen count", () => {
  const dir = Deno.makeTempDirSync();
  Deno.mkdirSync(`${dir}/self/fd`, { recursive: true });
  Deno.mkdirSync(`${dir}/self/net`);
  for (const inode of [11, 12, 13, 14]) {
    Deno.symlinkSync(`socket:[${inode}]`, `${dir}/self/fd/${inode}`);
  }
  const row = (address: string, state: string, inode: number) =>
    `  0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 0 0 ${inode} 1 0\n`;
  Deno.writeTextFileSync(
    `${dir}/self/net/tcp`,
    "head\n" + row("0100007F:1F90", "0A", 11) + row("0100007F:1F91", "0A", 99) +
      row("0100007F:1F92", "01", 12),
  );
  Deno.writeTextFileSync(
    `${dir}/self/net/unix`,
    "head\n0: 00000002 00000000 00010000 0001 01 13 /run/ours\n" +
      "0: 00000002 00000000 00000000 0001 03 14 /run/connected\n" +
      "0: 00000002 00000000 00010000 0001 01 98 /run/theirs\n",
  );
  const census = takeCensus(dir);
  Deno.removeSync(dir, { recursive: true });
  assertEquals(census.listeners, [
    { protocol: "tcp", address: "127.0.0.1:8080", inode: 11 },
    { protocol: "unix", address: "/run/ours", inode: 13 },
  ]);
});

Deno.test("a child that has ended and was not waited for is named as such", () => {
  // What /proc shows of a zombie: no command line, only a name.
  const dir = Deno.makeTempDirSync();
  Deno.mkdirSync(`${dir}/self/task/1`, { recursive: true });
  Deno.mkdirSync(`${dir}/9`);
  Deno.writeTextFileSync(`${dir}/self/task/1/comm`, "deno\n");
  Deno.writeTextFileSync(`${dir}/self/task/1/children`, "9 ");
  Deno.writeTextFileSync(`${dir}/9/cmdline`, "");
  Deno.writeTextFileSync(`${dir}/9/comm`, "true\n");
  const census = takeCensus(dir);
  Deno.removeSync(dir, { recursive: true });
  assertEquals(census.children, [{ pid: 9, command: "[true]" }]);
  assertEquals(census.uncounted, [
    `open files could not be counted: no readable ${dir}`,
    `listening sockets could not be counted: no readable ${dir}`,
  ]);
});
