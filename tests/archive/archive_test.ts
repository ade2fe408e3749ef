import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { IrisError } from "../../src/base/errors.ts";
import { packedBytes, packFolder } from "../../src/archive/pack.ts";
import { linkProblem, pathProblem } from "../../src/archive/safe_path.ts";
import { scanFolder } from "../../src/archive/scan_folder.ts";
import { type TarEntry, tarHeader, TarReader } from "../../src/archive/tar_format.ts";
import { removeFolder, Unpacker, type UnpackOptions } from "../../src/archive/unpack.ts";
import { archiveOf, contentOf, file, fill, hashOfBytes, packed, tempFolder } from "./samples.ts";

const OPTIONS: UnpackOptions = { limits: { bytes: 1_000_000, entries: 1_000 }, readOnly: false };
const LONG = `${"deep/".repeat(30)}${"n".repeat(200)}`;
const FILES = {
  "a.txt": "one",
  "b/c.txt": "two",
  "b/empty": "",
  "b/nothing/": "",
  "b/link": "->../a.txt",
  [LONG]: "long",
  "größe/日本": "names",
  "big": "0123456789".repeat(100_000),
};

function unpack(bytes: Uint8Array, root: string, options = OPTIONS): readonly string[] {
  const unpacker = new Unpacker(root, options);
  try {
    unpacker.push(bytes);
    unpacker.end();
    return unpacker.paths;
  } finally {
    unpacker.close();
  }
}

function refusal(bytes: Uint8Array, options = OPTIONS): IrisError {
  using target = tempFolder();
  return assertThrows(() => unpack(bytes, target.path, options), IrisError);
}

Deno.test("a folder comes out of its archive as it went in", async () => {
  using from = tempFolder();
  using to = tempFolder();
  fill(from.path, FILES);
  Deno.chmodSync(`${from.path}/a.txt`, 0o700);
  const bytes = await packed(from.path);
  unpack(bytes, to.path, { ...OPTIONS, limits: { ...OPTIONS.limits, bytes: 2_000_000 } });
  assertEquals(contentOf(to.path), contentOf(from.path));
  assertEquals(contentOf(to.path)["a.txt"], "*one");
});

Deno.test("the same content gives the same bytes, whatever its times, order and place are", async () => {
  using a = tempFolder();
  using b = tempFolder();
  fill(a.path, FILES);
  fill(b.path, Object.fromEntries(Object.entries(FILES).reverse()));
  Deno.utimeSync(`${b.path}/a.txt`, 1, 1);
  Deno.chmodSync(`${b.path}/a.txt`, 0o600);
  const hash = await hashOfBytes(await packed(a.path));
  assertEquals(await hashOfBytes(await packed(b.path)), hash);
  Deno.writeTextFileSync(`${b.path}/a.txt`, "One");
  assert(await hashOfBytes(await packed(b.path)) !== hash);
});

Deno.test("how large an archive will be is known before it is packed", async () => {
  using from = tempFolder();
  fill(from.path, FILES);
  const entries = scanFolder(from.path, { rules: null, onProblem: () => {} });
  assertEquals((await packed(from.path)).length, packedBytes(entries));
});

Deno.test("the tar of the system reads our archives, and we read its", async () => {
  using from = tempFolder();
  using to = tempFolder();
  fill(from.path, FILES);
  Deno.writeFileSync(`${to.path}/ours.tar`, await packed(from.path));
  const tar = async (...args: string[]) => {
    const { code, stderr } = await new Deno.Command("tar", { args }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  };
  Deno.mkdirSync(`${to.path}/out`);
  await tar("-xf", `${to.path}/ours.tar`, "-C", `${to.path}/out`);
  assertEquals(contentOf(`${to.path}/out`), contentOf(from.path));
  const short = ["a.txt", "b"];
  await tar("--format=pax", "-cf", `${to.path}/theirs.tar`, "-C", from.path, ...short);
  Deno.mkdirSync(`${to.path}/back`);
  unpack(Deno.readFileSync(`${to.path}/theirs.tar`), `${to.path}/back`);
  assertEquals(contentOf(`${to.path}/back`)["b/c.txt"], "two");
});

Deno.test("an archive may come in any pieces", () => {
  const entries: TarEntry[] = [file("a", "hello"), { kind: "folder", path: LONG }, file("z", "")];
  const bytes = archiveOf(entries);
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (sizes) => {
    const seen: string[] = [];
    const reader = new TarReader({
      entry: (entry) => void seen.push(entry.path),
      data: (part) => void seen.push(new TextDecoder().decode(part)),
      endFile: () => void seen.push("."),
    });
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes[i % sizes.length]!;
      reader.push(bytes.subarray(at, at + size));
      at += size;
    }
    reader.end();
    assertEquals(seen.join(" ").replaceAll(/(?<=[helo]) (?=[helo])/g, ""), `a hello . ${LONG} z .`);
  }));
});

const HOSTILE: readonly (readonly [string, readonly TarEntry[], RegExp])[] = [
  ["a path that climbs", [file("../evil")], /leads out of the folder/],
  ["an absolute path", [file("/etc/evil")], /absolute path/],
  ["a path that climbs in the middle", [file("a/../../evil")], /leads out/],
  ["a folder that climbs", [{ kind: "folder", path: ".." }], /leads out/],
  ["a link out", [{ kind: "link", path: "l", target: "../x" }], /out of the folder/],
  ["an absolute link", [{ kind: "link", path: "l", target: "/etc" }], /absolute path/],
  ["a link that winds through another", [
    { kind: "folder", path: "d" },
    { kind: "link", path: "d/up", target: ".." },
    { kind: "link", path: "out", target: "d/up/.." },
  ], /winds/],
  ["a file through a link", [
    { kind: "folder", path: "d" },
    { kind: "link", path: "l", target: "d" },
    file("l/x"),
  ], /in a folder that was not named/],
  ["a file in the place of a link", [{ kind: "link", path: "l", target: "x" }, file("l")], /twice/],
  ["a file twice", [file("a"), file("a")], /twice/],
];

for (const [what, entries, says] of HOSTILE) {
  Deno.test(`unpacking refuses ${what}, and names it`, () => {
    const error = refusal(archiveOf(entries));
    assertEquals(error.code, "invalid");
    assertMatch(error.message, says);
  });
}

Deno.test("unpacking refuses devices, hard links and pipes", () => {
  for (const type of ["1", "3", "4", "6", "7", "L", "S"]) {
    const bytes = archiveOf([file("dev", "")]);
    bytes[156] = type.charCodeAt(0);
    const sum = bytes.subarray(0, 512).reduce((a, b, i) => a + (i >= 148 && i < 156 ? 32 : b), 0);
    bytes.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
    assertMatch(refusal(bytes).message, /neither a file nor a folder/);
  }
});

Deno.test("unpacking stops at its limits of bytes and of files, before it wrote more", () => {
  using target = tempFolder();
  const limits = { bytes: 10, entries: 3 };
  const error = assertThrows(
    () =>
      unpack(archiveOf([file("a", "12345678"), file("b", "123")]), target.path, {
        ...OPTIONS,
        limits,
      }),
    IrisError,
  );
  assertEquals([error.code, contentOf(target.path)], ["too_large", { a: "12345678" }]);
  const many = archiveOf(["a", "b", "c", "d"].map((name) => file(name, "")));
  assertEquals(refusal(many, { ...OPTIONS, limits }).code, "too_large");
});

Deno.test("an archive that is cut, changed or no archive is refused", () => {
  const bytes = archiveOf([file("a", "hello"), file("b")]);
  assertMatch(refusal(bytes.subarray(0, 700)).message, /ends too early/);
  assertMatch(refusal(bytes.subarray(0, 1_024)).message, /ends too early/);
  const changed = bytes.slice();
  changed[0] = 98;
  assertMatch(refusal(changed).message, /checksum/);
  assertMatch(refusal(new TextEncoder().encode("<html>".repeat(200))).message, /no archive/);
  assertMatch(refusal(new Uint8Array(0)).message, /ends too early/);
});

Deno.test("names whose last record has no length are refused, at once", () => {
  const bytes = archiveOf([file(LONG, "hello")]);
  // Behind the first header stands the record of the path; its beginning becomes a record of its own,
  // and what is left of it holds no blank.
  bytes.set(new TextEncoder().encode("20 path=abcdefghijk\n"), 512);
  assertMatch(refusal(bytes).message, /a long name makes no sense/);
});

Deno.test("no bytes at all make the reader do anything but refuse or read", () => {
  const sound = archiveOf([file("a", "hello"), { kind: "link", path: LONG, target: LONG }]);
  const change = fc.record({ at: fc.nat(sound.length - 1), to: fc.nat(255) });
  fc.assert(fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
    const bytes = sound.slice();
    for (const { at, to } of changes) bytes[at] = to;
    const reader = new TarReader({ entry() {}, data() {}, endFile() {} });
    try {
      reader.push(bytes);
      reader.end();
    } catch (error) {
      assert(error instanceof IrisError, String(error));
    }
  }));
});

Deno.test("a link or path that is let through never leads out, however links are combined", () => {
  const name = fc.constantFrom("a", "b", "..", ".", "c");
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
  const entry = fc.record({ path, target: fc.option(path, { nil: null }) });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
      using world = tempFolder();
      const root = `${world.path}/x/y/z`;
      Deno.mkdirSync(root, { recursive: true });
      const all: TarEntry[] = entries.map((one) =>
        one.target === null
          ? { kind: "folder", path: one.path }
          : { kind: "link", path: one.path, target: one.target }
      );
      const kept = all.filter((one) => {
        if (pathProblem(one.path) !== null) return false;
        return one.kind !== "link" || linkProblem(one.path, one.target) === null;
      });
      const unpacker = new Unpacker(root, OPTIONS);
      for (const one of kept) {
        try {
          unpacker.push(archiveOf([one]).subarray(0, -1_024));
        } catch (error) {
          assert(error instanceof IrisError);
        }
      }
      for (const [at, text] of Object.entries(contentOf(root))) {
        if (!text.startsWith("->")) continue;
        let real: string;
        try {
          real = Deno.realPathSync(`${root}/${at}`);
        } catch {
          continue;
        }
        assert(`${real}/`.startsWith(`${root}/`), `${at} ${text} leads to ${real}`);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("what cannot be written is named, and what is open can be closed in the middle", () => {
  using target = tempFolder();
  const unpacker = new Unpacker(target.path, OPTIONS);
  unpacker.push(tarHeader(file("a", "12345")));
  unpacker.close();
  const into = new Unpacker(`${target.path}/not-there`, OPTIONS);
  const error = assertThrows(() => into.push(archiveOf([file("a")])), IrisError);
  assertEquals(error.code, "unavailable");
  assertMatch(error.message, /^"a" could not be written/);
});

Deno.test("what is unpacked for many cannot be written by accident, and can be removed", async () => {
  using from = tempFolder();
  using to = tempFolder();
  fill(from.path, { "a/b": "x" });
  Deno.mkdirSync(`${to.path}/root`);
  unpack(await packed(from.path), `${to.path}/root`, { ...OPTIONS, readOnly: true });
  for (const path of ["", "/a", "/a/b"]) {
    assertEquals((Deno.statSync(`${to.path}/root${path}`).mode ?? 0) & 0o222, 0, path);
  }
  removeFolder(`${to.path}/root`);
  removeFolder(`${to.path}/root`);
  assertEquals(contentOf(to.path), {});
});

Deno.test("a file that changes while it is packed is named", async () => {
  using from = tempFolder();
  fill(from.path, { "a": "12345" });
  const entries = scanFolder(from.path, { rules: null, onProblem: () => {} });
  for (const text of ["1234", "123456"]) {
    Deno.writeTextFileSync(`${from.path}/a`, text);
    const packing = Array.fromAsync(packFolder(from.path, entries));
    const error = await assertRejects(() => packing, IrisError);
    assertEquals(error.message, "a changed while it was read");
  }
});
