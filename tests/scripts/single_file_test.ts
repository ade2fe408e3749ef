/** What the script of the single file does before the program begins. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PretendedFile } from "../support/pretended_file.ts";
import { hasCommand, needs } from "../support/require.ts";
import { canMount } from "../support/mounts.ts";

const SHELLS = await needs(
  "three shells (dash, bash, busybox-static)",
  async () => await hasCommand("dash") && await hasCommand("bash") && await hasCommand("busybox"),
);
const SMALL_DISK = await needs("mount namespaces (root, util-linux)", canMount);
const ROOT = await needs("root", () => Deno.uid() === 0);
const KEY = /^1\.2\.3-[0-9a-f]{16}$/;
/** All that the script asks for, but sha256sum, which may be missing. */
const TOOLS = "find gzip id ln ls mkdir mv rm sed sh sleep sync tail tar uname".split(" ");
/** A start that does nothing. */
const OK = ["exit 0"];

/** Fails unless exactly one version lies there, and nothing else. */
function assertClean(iris: PretendedFile, place?: string): void {
  const entries = iris.entries(place);
  assertEquals(entries.length, 1, entries.join(" "));
  assertMatch(entries[0]!, KEY);
}

Deno.test("arguments, stdin, exit code and environment pass through, at the first start and later", async () => {
  using iris = await new PretendedFile().write();
  const args = ["", "a b", "*", "-x", "$HOME", "two\nlines"];
  const script = 'printf "<%s>" "$@"; echo; cat; echo "$IRIS_SINGLE_FILE $(umask)" >&2; exit 42';
  for (let start = 0; start < 2; start++) {
    const by = ["sh", "-c", 'umask 077; exec "$@"', "sh"];
    const ended = await iris.run([...args, script], { by, stdin: "some\0bytes" });
    const shown = [...args, script].map((arg) => `<${arg}>`).join("");
    assertEquals(ended.out, `${shown}\nsome\0bytes`);
    assertEquals(ended.err, `${iris.file} 0077\n`);
    assertEquals(ended.code, 42);
  }
  assertClean(iris);
  // Tasks of another user run it too (--run-as), whatever the umask is.
  assertEquals(Deno.statSync(`${iris.cache}/${iris.entries()[0]}`).mode! & 0o777, 0o755);
});

Deno.test("no process stays between the caller and the program, so signals reach it", async () => {
  using iris = await new PretendedFile().write();
  for (let start = 0; start < 2; start++) {
    let pid = 0;
    const script = 'trap "exit 7" TERM; echo $$; kill -s TERM $$; exit 1';
    const { out, code } = await iris.run([script], { started: (own) => pid = own });
    assertEquals([out.trim(), code], [String(pid), 7]);
    const killed = await iris.run(["kill -s INT $$"]);
    assertEquals(killed.signal, "SIGINT");
  }
});

Deno.test({
  name: "the terminal is the program's, at the first start and later",
  ...await needs("script (bsdutils)", () => hasCommand("script")),
  async fn() {
    using iris = await new PretendedFile().write();
    const by = ["sh", "-c", `exec script -qefc "'$1' '$2'" /dev/null`, "sh"];
    for (let start = 0; start < 2; start++) {
      const { code } = await iris.run(["test -t 0 && test -t 1 && test -t 2 && exit 9"], { by });
      assertEquals(code, 9);
    }
  },
});

Deno.test("a place may have blanks in its name, and one that is no absolute path is none", async () => {
  using iris = await new PretendedFile().write();
  const place = `${iris.dir}/a b/*`;
  assertEquals((await iris.run(["exit 6"], { env: { XDG_CACHE_HOME: place } })).code, 6);
  assertClean(iris, `${place}/iris`);
});

Deno.test("what the caller ignores stays ignored", async () => {
  using iris = await new PretendedFile().write();
  const by = ["sh", "-c", 'trap "" HUP INT; exec "$@"', "sh"];
  for (let start = 0; start < 2; start++) {
    const { code } = await iris.run(["kill -s HUP $$; kill -s INT $$; exit 3"], { by });
    assertEquals(code, 3);
  }
});

Deno.test({
  name: "it runs in dash, bash and busybox, and with the programs of busybox alone",
  ...SHELLS,
  async fn() {
    const shells = [["dash"], ["bash"], ["busybox", "sh"], ["/bin/sh"]];
    for (const by of shells) {
      using iris = await new PretendedFile().write();
      assertEquals(await iris.run(["exit 5"], { by }), { code: 5, signal: null, out: "", err: "" });
      assertClean(iris);
    }
    using iris = await new PretendedFile().write();
    Deno.mkdirSync(`${iris.dir}/bin`);
    const own =
      (await new Deno.Command("sh", { args: ["-c", "command -v busybox"] }).output()).stdout;
    const busybox = new TextDecoder().decode(own).trim();
    for (const name of [...TOOLS, "sha256sum"]) {
      Deno.symlinkSync(busybox, `${iris.dir}/bin/${name}`);
    }
    const env = { PATH: `${iris.dir}/bin` };
    const ended = await iris.run(["exit 5"], { env, by: [busybox, "sh"] });
    assertEquals(ended, { code: 5, signal: null, out: "", err: "" });
    assertClean(iris);
  },
});

Deno.test("it knows its own path however it is called", async () => {
  using iris = await new PretendedFile().write();
  Deno.mkdirSync(`${iris.dir}/path`);
  Deno.symlinkSync(iris.file, `${iris.dir}/path/tool`);
  const say = 'echo "$IRIS_SINGLE_FILE"';
  const PATH = `${iris.dir}/path:/usr/bin:/bin`;
  const called = async (script: string) =>
    (await iris.run([say], { by: ["sh", "-c", script, "sh"], env: { PATH } })).out.trim();
  assertEquals(await called('cd / && exec "$1" "$2"'), iris.file);
  assertEquals(await called(`exec ./iris "$2"`), `${iris.dir}/./iris`);
  assertEquals(await called(`exec sh iris "$2"`), `${iris.dir}/iris`);
  assertEquals(await called(`cd / && exec tool "$2"`), `${iris.dir}/path/tool`);
});

Deno.test("of fifty first starts at once none fails, and one copy is left", async () => {
  using iris = await new PretendedFile().write();
  const starts = Array.from(
    { length: 50 },
    () => iris.run(["read -r x; echo $x"], { stdin: "y\n" }),
  );
  for (const ended of await Promise.all(starts)) {
    assertEquals(ended, { code: 0, signal: null, out: "y\n", err: "" });
  }
  assertClean(iris);
});

Deno.test("where no links can be made each of several starts unpacks, and one copy is left", async () => {
  using iris = await new PretendedFile().write();
  iris.shim("ln", "exit 1");
  for (const { code } of await Promise.all(Array.from({ length: 5 }, () => iris.run(OK)))) {
    assertEquals(code, 0);
  }
  assertClean(iris);
});

Deno.test("killed at any step of unpacking, it leaves nothing that the next start does not remove", async () => {
  for (const step of ["uname", "mkdir", "ln", "find", "tail", "sha256sum", "gzip", "tar", "sync"]) {
    using iris = await new PretendedFile().write();
    iris.shim(step, "kill -s KILL 0");
    const killed = await iris.run(OK);
    assertEquals(killed.signal, "SIGKILL", step);
    iris.unshim();
    assertEquals((await iris.run(OK)).code, 0, step);
    assertClean(iris);
  }
});

Deno.test("killed right before and after the rename, the next start has one whole copy", async () => {
  for (const when of ["kill -s KILL 0", '/bin/mv "$@"; kill -s KILL 0']) {
    using iris = await new PretendedFile().write();
    iris.shim("mv", when);
    assertEquals((await iris.run(OK)).signal, "SIGKILL");
    iris.unshim();
    assertEquals((await iris.run(OK)).code, 0);
    assertEquals(iris.entries().filter((name) => KEY.test(name)).length, 1);
    // The copy was whole, so nobody had to look for what was left. The next version does.
    await iris.write("next", { version: "1.2.4" });
    assertEquals((await iris.run(OK)).code, 0);
    assertEquals(iris.entries().filter((name) => name.startsWith(".new-")), []);
  }
});

Deno.test("a signal that ends it while it unpacks leaves nothing, and is what it died of", async () => {
  for (const signal of ["TERM", "INT", "HUP"]) {
    using iris = await new PretendedFile().write();
    iris.shim(
      "sync",
      `set -- ${iris.cache}/.lock-*; read -r host pid <"$1"; kill -s ${signal} "$pid"`,
    );
    assertEquals((await iris.run(OK)).signal, `SIG${signal}`);
    assertEquals(iris.entries(), []);
  }
});

Deno.test("an older version that is there stays, and both run", async () => {
  using iris = await new PretendedFile().write("old", { version: "1.2.2" });
  const say = ["echo $main"];
  assertEquals((await iris.run(say)).out, "old\n");
  const old = `${iris.dir}/old`;
  Deno.renameSync(iris.file, old);
  await iris.write("new");
  assertEquals((await iris.run(say)).out, "new\n");
  assertEquals(iris.entries().map((name) => name.split("-")[0]), ["1.2.2", "1.2.3"]);
  Deno.renameSync(old, iris.file);
  assertEquals((await iris.run(say)).out, "old\n");
});

/** Unpacks one version after the other, and makes the marks of the first ones old. */
async function versions(iris: PretendedFile, count: number): Promise<string[]> {
  for (let n = 0; n < count; n++) {
    await iris.write(`old ${n}`, { version: `1.2.${n}` });
    assertEquals((await iris.run(OK)).code, 0);
  }
  const old = new Date(Date.now() - 32 * 24 * 3_600_000);
  const keys = iris.entries();
  for (const key of keys) Deno.utimeSync(`${iris.cache}/${key}/.used`, old, old);
  return keys;
}

Deno.test("versions that nobody started for a month go when another one comes, and no other", async () => {
  using iris = new PretendedFile();
  const [gone, started, running, unmarked] = await versions(iris, 4);
  Deno.removeSync(`${iris.cache}/${unmarked}/.used`);
  await iris.write("old 1", { version: "1.2.1" });
  await iris.run(OK);
  // What runs is known by its executable: that of the pretended ones is a shell.
  const own = `${iris.cache}/${running}/deno`;
  Deno.copyFileSync("/bin/sleep", own);
  const child = new Deno.Command(own, { args: ["60"] }).spawn();
  try {
    Deno.mkdirSync(`${iris.cache}/not-0123456789abcdef`);
    const starts = Array.from({ length: 50 }, () => 0);
    await iris.write("new", { version: "1.3.0" });
    for (const ended of await Promise.all(starts.map(() => iris.run(["echo $main"])))) {
      assertEquals(ended, { code: 0, signal: null, out: "new\n", err: "" });
    }
    const there = iris.entries();
    assertEquals(there.includes(gone!), false, there.join(" "));
    for (const kept of [started!, running!, unmarked!, "not-0123456789abcdef"]) {
      assertEquals(there.includes(kept), true, kept);
    }
    assertEquals([there.length, there.some((name) => name.startsWith("1.3.0"))], [5, true]);
  } finally {
    child.kill();
    await child.status;
  }
});

Deno.test("one that is started while it is looked at stays", async () => {
  using iris = new PretendedFile();
  const [old] = await versions(iris, 1);
  // Right after it was moved away somebody sets its mark.
  iris.shim(
    "mv",
    `/bin/mv "$@"; for last; do :; done
    case $1 in */${old}) : >"$last/${old}/.used" 2>/dev/null;; esac`,
  );
  await iris.write("new");
  assertEquals((await iris.run(OK)).code, 0);
  assertEquals(iris.entries().includes(old!), true, iris.entries().join(" "));
  iris.unshim();
});

Deno.test("each start of what is unpacked sets the mark, and one that cannot starts all the same", async () => {
  using iris = await new PretendedFile().write();
  await iris.run(OK);
  const [key] = iris.entries();
  const mark = `${iris.cache}/${key}/.used`;
  for (const shell of ["sh", "bash"]) {
    Deno.utimeSync(mark, 1, 1);
    assertEquals((await iris.run(OK, { by: [shell] })).code, 0);
    assert(Deno.statSync(mark).mtime!.getTime() > Date.now() - 60_000, shell);
    Deno.removeSync(mark);
    Deno.mkdirSync(mark);
    assertEquals(await iris.run(["exit 3"], { by: [shell] }), {
      ...{ code: 3, signal: null, out: "", err: "" },
    });
    Deno.removeSync(mark);
    await iris.run(OK);
  }
});

Deno.test("a copy that somebody removed files of is made anew", async () => {
  using iris = await new PretendedFile().write();
  await iris.run(OK);
  const [key] = iris.entries();
  for (const gone of ["main.js", "deno"]) {
    Deno.removeSync(`${iris.cache}/${key}/${gone}`);
    assertEquals(await iris.run(["exit 4"]), { code: 4, signal: null, out: "", err: "" });
    assertClean(iris);
    assertEquals(iris.entries(`${iris.dir}/home`), []);
  }
});

Deno.test("the archive is hashed when it is unpacked, and not at each start", async () => {
  using iris = await new PretendedFile().write();
  iris.shim("sha256sum", `echo x >>${iris.dir}/hashed; exec /usr/bin/sha256sum "$@"`);
  for (let start = 0; start < 3; start++) assertEquals((await iris.run(OK)).code, 0);
  assertEquals(Deno.readTextFileSync(`${iris.dir}/hashed`), "x\n");
});

Deno.test("a file that is damaged or cut short says so in one line and unpacks nothing", async () => {
  for (const damage of ["flip", "cut"]) {
    using iris = await new PretendedFile().write();
    const bytes = Deno.readFileSync(iris.file);
    bytes[bytes.length - 40]! ^= 1;
    Deno.writeFileSync(iris.file, damage === "flip" ? bytes : bytes.subarray(0, -600));
    const { code, err } = await iris.run(OK);
    assertEquals([code, err], [
      1,
      `iris: ${iris.file} is damaged (its hash is wrong): copy it again\n`,
    ]);
    assertEquals(iris.entries(), []);
  }
});

Deno.test("without sha256sum the checksum of gzip finds the damage", async () => {
  using iris = await new PretendedFile().write("main", { extra: new Uint8Array(100_000) });
  const bytes = Deno.readFileSync(iris.file);
  bytes[bytes.length - 6]! ^= 1;
  Deno.writeFileSync(iris.file, bytes);
  for (const name of TOOLS) {
    // Looked up when it is called: where a tool lies differs.
    iris.shim(name, `PATH=/usr/bin:/bin exec ${name} "$@"`);
  }
  const { code, err } = await iris.run(OK, { env: { PATH: `${iris.dir}/bin` } });
  assertEquals(code, 1);
  assertMatch(err, /^iris: no place to unpack to; [^\n]*gzip[^\n]*\n$/);
  assertEquals(iris.entries(), []);
});

Deno.test("a cache that cannot be written gives way to the home's, and that to a private folder", async () => {
  using iris = await new PretendedFile().write();
  const home = `${iris.dir}/home/.cache/iris`;
  for (let start = 0; start < 2; start++) {
    assertEquals((await iris.run(["exit 6"], { env: { XDG_CACHE_HOME: "/dev/null" } })).code, 6);
    assertClean(iris, home);
  }
  const env = { XDG_CACHE_HOME: "relative", HOME: "/proc" };
  for (let start = 0; start < 2; start++) {
    assertEquals(await iris.run(["exit 6"], { env }), { code: 6, signal: null, out: "", err: "" });
    assertClean(iris, iris.shared);
  }
  assertEquals(Deno.statSync(iris.shared).mode! & 0o777, 0o700);
  assertEquals(iris.entries(`${iris.dir}/relative`), []);
});

Deno.test({
  name: "a cache that is full gives way too, and nothing is left in it",
  ...SMALL_DISK,
  async fn() {
    const extra = crypto.getRandomValues(new Uint8Array(60_000));
    using iris = await new PretendedFile().write("main", { extra });
    Deno.mkdirSync(`${iris.dir}/cache`);
    const mount = 'mount -t tmpfs -o size=48k small "$0" && "$@"; echo $? $(ls -A "$0/iris")';
    const by = ["unshare", "-m", "sh", "-c", mount, `${iris.dir}/cache`];
    const { out, err } = await iris.run(["exit 6"], { by });
    assertEquals([out, err], ["6\n", ""]);
    assertClean(iris, `${iris.dir}/home/.cache/iris`);
  },
});

Deno.test("where there is no place at all, one line names each and what would help", async () => {
  using iris = await new PretendedFile().write();
  const env = { XDG_CACHE_HOME: "/dev/null", HOME: "/proc", TMPDIR: "/proc/self" };
  const { code, err } = await iris.run(OK, { env });
  assertEquals(code, 1);
  assertMatch(
    err,
    /^iris: no place to unpack to; \/dev\/null\/iris: it cannot be made; \/proc\/\.cache\/iris: it cannot be made; \/proc\/self\/iris-\d+: it is not ours alone; set XDG_CACHE_HOME to a folder with \d+ MB of room\n$/,
  );
});

Deno.test("a folder in /tmp that is a link, or open to others, is not used", async () => {
  using iris = await new PretendedFile().write();
  const env = { XDG_CACHE_HOME: "/dev/null", HOME: "/proc" };
  const elsewhere = `${iris.dir}/elsewhere`;
  Deno.mkdirSync(elsewhere, { mode: 0o700 });
  Deno.symlinkSync(elsewhere, iris.shared);
  assertMatch((await iris.run(OK, { env })).err, /it is not ours alone; set/);
  Deno.removeSync(iris.shared);
  Deno.mkdirSync(iris.shared);
  Deno.chmodSync(iris.shared, 0o770);
  assertMatch((await iris.run(OK, { env })).err, /it is not ours alone; set/);
  assertEquals([iris.entries(elsewhere), iris.entries(iris.shared)], [[], []]);
  Deno.chmodSync(iris.shared, 0o700);
  assertEquals((await iris.run(["exit 6"], { env })).code, 6);
});

Deno.test({
  name: "nothing that belongs to another user is run, or unpacked to",
  ...ROOT,
  async fn() {
    using iris = await new PretendedFile().write();
    await iris.run(OK);
    Deno.chownSync(iris.cache, 65534, 65534);
    const { code } = await iris.run(["exit 6"]);
    assertEquals(code, 6);
    assertClean(iris, `${iris.dir}/home/.cache/iris`);
    Deno.mkdirSync(iris.shared, { mode: 0o700 });
    Deno.chownSync(iris.shared, 65534, 65534);
    const env = { HOME: "/proc" };
    const { err } = await iris.run(OK, { env });
    assertMatch(err, /cache\/iris: it is of another user; .*it is not ours alone;/);
  },
});

Deno.test("on a machine of another kind it says what it is for, and leaves nothing", async () => {
  using iris = await new PretendedFile().write("main", { deno: "#!/bin/sh\nexit 127\n" });
  const { code, err } = await iris.run(OK);
  assertEquals(code, 1);
  assertMatch(err, /^iris: this file is for test-target: it does not run on Linux \S+, [^\n]+\n$/);
  assertEquals(iris.entries(), []);
});

Deno.test("a start of what is unpacked takes no other program", async () => {
  using iris = await new PretendedFile().write();
  await iris.run(OK);
  const { code, err } = await iris.run(["exit 6"], { env: { PATH: `${iris.dir}/none` } });
  assertEquals([code, err], [6, ""]);
  assert(iris.entries().length === 1);
});
