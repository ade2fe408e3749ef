/** What the provider says to ssh and to hosts, and reads of them, without any. */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { seededRandom } from "../../../src/base/random.ts";
import type { SshProviderConfig } from "../../../src/vm/provider_config.ts";
import { ownProgram, siblingFor } from "../../../src/vm/ssh/own_program.ts";
import { sumsOf } from "../../../src/vm/ssh/program.ts";
import { programPath, quoted } from "../../../src/vm/ssh/remote_scripts.ts";
import { hostKey, hostOfKey, sshCommand } from "../../../src/vm/ssh/ssh_command.ts";
import { problemOf } from "../../../src/vm/ssh/ssh_problem.ts";
import { TextLines } from "../../../src/vm/ssh/text_lines.ts";
import { forwardsOf, pickPorts, urlsThere } from "../../../src/vm/ssh/tunnel.ts";
import { type HostUse, UseBook } from "../../../src/vm/ssh/use_book.ts";

const CONFIG: SshProviderConfig = {
  ...{ kind: "ssh", hosts: [], identityFile: null, knownHostsFile: null, hostKeys: "strict" },
  ...{ configFile: null, folder: null, connectTimeoutMs: 2_500 },
};
const HOST = { host: "h1", port: null, user: null };

Deno.test("a host is named in one word, and found by it", () => {
  for (
    const [host, port, user, key] of [
      ["h1", null, null, "h1"],
      ["h1", 2222, "ada", "ada@h1:2222"],
      ["fd00::2", null, "ada", "ada@fd00::2"],
      ["fd00::2", 22, null, "[fd00::2]:22"],
    ] as const
  ) {
    assertEquals(hostKey({ host, port, user }), key);
    assertEquals(hostOfKey(key), { host, port, user });
  }
});

Deno.test("the client's command line leaves nothing behind, whatever the user's configuration says", () => {
  const line = sshCommand(CONFIG, { host: HOST, forwards: [] }).join(" ");
  for (const part of ["ControlMaster=no", "ControlPath=none", "BatchMode=yes", "-T", "-a", "-x"]) {
    assert(line.includes(part), part);
  }
  assert(line.includes("ConnectTimeout=3 ") && line.includes("StrictHostKeyChecking=yes"));
  assert(line.endsWith(" -- h1 exec /bin/sh"));
});

Deno.test("files, ports and users of the configuration are on the client's command line", () => {
  const more = { identityFile: "/k", knownHostsFile: "/a b", configFile: "/c" };
  const args = sshCommand({ ...CONFIG, ...more, hostKeys: "accept-new" }, {
    host: { host: "h1", port: 2222, user: "ada" },
    forwards: [
      { from: "remote", port: 30_001, to: "127.0.0.1:10000" },
      { from: "local", port: 30_002, to: "127.0.0.1:30003" },
    ],
  });
  const has = (...words: string[]) => {
    assert(args.some((_, at) => words.every((word, n) => args[at + n] === word)), words.join(" "));
  };
  has("-F", "/c");
  has("-i", "/k");
  has("-o", 'UserKnownHostsFile="/a b"');
  has("-o", "StrictHostKeyChecking=accept-new");
  has("-p", "2222");
  has("-l", "ada");
  has("-R", "127.0.0.1:30001:127.0.0.1:10000");
  has("-L", "127.0.0.1:30002:127.0.0.1:30003");
});

Deno.test("what the client says becomes one line, and whether another try is worth it", () => {
  const cases: [string, RegExp, { lasting: boolean; portTaken?: boolean }][] = [
    ["root@h1: Permission denied (publickey).", /does not take the key/, { lasting: true }],
    ["@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", /has changed/, { lasting: true }],
    ["Host key verification failed.", /not known/, { lasting: true }],
    [
      "ssh: Could not resolve hostname h1: Temporary failure in name resolution",
      /its name: Temporary failure/,
      { lasting: false },
    ],
    [
      "ssh: Could not resolve hostname h1: Name or service not known",
      /h1 resolves to no address/,
      { lasting: true },
    ],
    ["ssh: connect to host h1 port 22: Connection refused", /refused/, { lasting: false }],
    ["ssh: connect to host h1 port 22: No route to host", /no route/, { lasting: false }],
    [
      "Error: remote port forwarding failed for listen port 30001",
      /port 30001 of the host cannot lead here: it is taken, or/,
      { lasting: false, portTaken: true },
    ],
    ["bind [127.0.0.1]:30002: x\nCould not request local forwarding.", /this machine/, {
      lasting: false,
      portTaken: true,
    }],
    ["something new", /exit code 255\): something new/, { lasting: false }],
  ];
  for (const [said, means, { lasting, portTaken = false }] of cases) {
    const problem = problemOf(said.split("\n"), 255);
    assertMatch(problem.message, means);
    assertEquals([problem.lasting, problem.portTaken], [lasting, portTaken], said);
  }
  assertMatch(problemOf([], 1).message, /its shell ended/);
});

Deno.test("words for a shell come out of it as they went in", async () => {
  for (const word of ["plain", "it's", 'a b\n$HOME `x` \\ "q"', "''", ""]) {
    const args = ["-c", `printf %s ${quoted(word)}`];
    const { stdout } = await new Deno.Command("/bin/sh", { args }).output();
    assertEquals(new TextDecoder().decode(stdout), word);
  }
  const path = programPath({ version: "1.0/../x y", sha256: "ab".repeat(32) });
  assertEquals(path, "programs/1.0_.._x_y-abababababababab/iris");
});

Deno.test("sums of a program are those of sha256sum and cksum", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, crypto.getRandomValues(new Uint8Array(65_536)));
  await Deno.writeTextFile(path, "and more", { append: true });
  const run = async (command: string) => {
    const { stdout } = await new Deno.Command(command, { args: [path] }).output();
    return new TextDecoder().decode(stdout).split(" ");
  };
  const sums = await sumsOf(path);
  assertEquals(sums.sha256, (await run("sha256sum"))[0]);
  assertEquals([sums.cksum, String(sums.size)], (await run("cksum")).slice(0, 2));
  await Deno.remove(path);
  await assertRejects(() => sumsOf(path), IrisError, "cannot be read");
});

Deno.test("lines come out of bytes as they come, and one without an end is cut", () => {
  const lines: string[] = [];
  const text = new TextLines((line) => lines.push(line));
  for (const byte of new TextEncoder().encode("one\nzw\u00f6lf\n\nlast")) {
    text.push(Uint8Array.of(byte));
  }
  assertEquals(lines, ["one", "zw\u00f6lf", ""]);
  text.end();
  assertEquals(lines.at(-1), "last");
  for (let at = 0; at < 100; at++) text.pushText("x".repeat(1_000));
  text.pushText("\nnext\n");
  assertEquals([lines.at(-2)!.length, lines.at(-1)], [16_384, "next"]);
});

Deno.test("a tunnel has ports of its own at both ends, and leads where the controller is", () => {
  const urls = ["http://127.0.0.1:10000", "https://localhost:7"];
  const taken = new Set<number>();
  for (let round = 0; round < 50; round++) {
    const ports = pickPorts(2, {
      random: seededRandom(round),
      isFree: (port) => !taken.has(port),
    });
    const there = [...ports.controllers, ports.worker];
    assertEquals(new Set(there).size, 3);
    for (const port of [...there, ports.here]) assert(port >= 30_000 && port < 32_768);
    assert(!taken.has(ports.here));
    taken.add(ports.here);
  }
  const ports = { controllers: [30_001, 30_002], worker: 30_003, here: 30_004 };
  assertEquals(urlsThere(ports, urls), ["http://127.0.0.1:30001", "https://127.0.0.1:30002"]);
  // A controller that moved is reached through the same ports of the host.
  assertEquals(forwardsOf(ports, ["http://127.0.0.1:999"]).map(({ port, to }) => [port, to]), [
    [30_001, "127.0.0.1:999"],
    [30_002, "127.0.0.1:999"],
    [30_004, "127.0.0.1:30003"],
  ]);
});

Deno.test("uses of hosts outlive the process, and a file that is none is refused", async () => {
  const folder = await Deno.makeTempDir();
  const use: HostUse = {
    vm: "g-0",
    host: "h1",
    group: "g",
    slice: "g-0",
    vms: ["g-0"],
    ports: null,
  };
  const ports = { controllers: [1], worker: 2, here: 3 };
  const book = new UseBook(folder);
  book.put(use, { ...use, vm: "g-1", ports });
  book.remove("g-0");
  book.remove("g-7");
  assertEquals(new UseBook(folder).all(), [{ ...use, vm: "g-1", ports }]);
  for (const text of ["{", "{}", '[{"vm":"x"}]']) {
    await Deno.writeTextFile(`${folder}/ssh-hosts.json`, text);
    assertThrows(() => new UseBook(folder), IrisError, "cannot be read");
  }
  await Deno.remove(folder, { recursive: true });
  // What cannot be noted is not taken.
  assertThrows(() => book.put(use));
  assertEquals(book.get("g-0"), undefined);
});

Deno.test("a program that runs from its sources has nothing to give to hosts, and says what to do", async () => {
  await assertRejects(() => ownProgram("x86_64"), IrisError, "deno task compile");
  const sibling = siblingFor("/opt/iris", "aarch64");
  assertEquals(sibling, "/opt/iris-aarch64-unknown-linux-gnu");
});

Deno.test("the program for another architecture lies beside this one, or beside what that is a link to", () => {
  const dir = Deno.makeTempDirSync();
  try {
    for (const name of ["dist", "bin"]) Deno.mkdirSync(`${dir}/${name}`);
    const name = "iris-aarch64-unknown-linux-gnu";
    for (const file of ["iris", name]) Deno.writeTextFileSync(`${dir}/dist/${file}`, "");
    Deno.symlinkSync(`${dir}/dist/iris`, `${dir}/bin/iris`);
    const real = Deno.realPathSync(dir);
    assertEquals(siblingFor(`${dir}/bin/iris`, "aarch64"), `${real}/dist/${name}`);
    Deno.writeTextFileSync(`${dir}/bin/${name}`, "");
    assertEquals(siblingFor(`${dir}/bin/iris`, "aarch64"), `${dir}/bin/${name}`);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
