import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";

const LOG = fromFileUrl(new URL("../../src/base/log.ts", import.meta.url));

/** What a program writes to stderr that uses the log. */
async function stderrOf(code: string): Promise<string[]> {
  const program = `import { configureLog, logger } from ${JSON.stringify(LOG)};
const log = logger("test");
${code}`;
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    env: { NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stderr).split("\n").slice(0, -1);
}

Deno.test("a line of the log has its time, its level and who writes, and stays one line", async () => {
  const lines = await stderrOf(`configureLog("info", "core");
log.info("job {job} of {user}: {other} {n}", { job: "a{n}b", user: "$&", n: 3 });
log.warn\`two\${1 + 1} \${"lines\\nof"} it\`;
log.error("plain {x}");
log.debug("not written");`);
  assertEquals(lines.length, 3);
  assertMatch(
    lines[0] ?? "",
    /^\d{4}-\d\d-\d\dT[\d:.]+Z info core: job a\{n\}b of \$&: \{other\} 3$/,
  );
  assertMatch(lines[1] ?? "", / warning core: two2 lines\\nof it$/);
  assertMatch(lines[2] ?? "", / error core: plain \{x\}$/);
});

Deno.test("nothing is written before the log is configured", async () => {
  assertEquals(await stderrOf(`log.error("unheard");`), []);
});

Deno.test("as JSON a line has its time, its level, its place in the tree, and its values by name", async () => {
  const lines = await stderrOf(`import { saidAsRecord } from ${JSON.stringify(LOG)};
configureLog({ level: "info", format: "json" }, "core", "iris/controller/core");
log.warning("worker {worker} is lost after {ms} ms", { worker: "w\\n1", ms: 5 });
log.info\`a "quoted" text\`;
if (!saidAsRecord("SIGTERM: stopping")) console.error("not taken");`);
  const [first, second, third] = lines.map((line) => JSON.parse(line));
  assertMatch(first.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  delete first.time;
  assertEquals(first, {
    level: "warning",
    path: "iris/controller/core",
    part: "test",
    message: "worker w\\u000a1 is lost after 5 ms",
    fields: { worker: "w\\u000a1", ms: 5 },
  });
  assertEquals(second.message, 'a "quoted" text');
  assertEquals([third.level, third.message], ["info", "SIGTERM: stopping"]);
});

Deno.test("what somebody else wrote does nothing to a terminal and begins no line", async () => {
  const text = "\\u001b[31mred\\r\\nfake line\\u2028x\\u0007";
  for (const format of ["pretty", "json"]) {
    const lines = await stderrOf(`configureLog({ level: "info", format: "${format}" }, "core");
log.error("{what}", { what: ${JSON.stringify(text).replaceAll("\\\\", "\\")} });`);
    assertEquals(lines.length, 1, format);
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assertEquals(/[\x00-\x1f\x7f-\x9f\u2028]/.test(lines[0] ?? ""), false, lines[0]);
    assertMatch(lines[0] ?? "", /red/);
  }
});

Deno.test("a line of any length is written in one piece, and says that it was cut", async () => {
  for (const format of ["pretty", "json"]) {
    const [line = ""] = await stderrOf(
      `configureLog({ level: "info", format: "${format}" }, "core");
log.error("{a}{b}", { a: "é".repeat(100_000), b: "\\u0000".repeat(100_000) });`,
    );
    assert(new TextEncoder().encode(line).length < 4_096, format);
    assertMatch(line, /\.\.\./);
    if (format === "json") assertEquals(JSON.parse(line).level, "error");
  }
});

Deno.test("a value whose name says that it is a secret is not written", async () => {
  for (const format of ["pretty", "json"]) {
    const [line = ""] = await stderrOf(
      `configureLog({ level: "info", format: "${format}" }, "core");
log.error("{workerToken} {password} {name}", { workerToken: "t0p", password: "t0p", name: "n" });`,
    );
    assertEquals(line.includes("t0p"), false, line);
    assertMatch(line, /\*\*\* \*\*\* n/);
  }
});

Deno.test("a hundred lines each of four isolates that write at once are all there, and whole", async () => {
  const isolate = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(
    isolate,
    `import { configureLog, logger } from ${JSON.stringify(LOG)};
configureLog({ level: "info", format: "json" }, "one");
for (let n = 0; n < 100; n++) logger("x").info("{n} {fill}", { n, fill: "y".repeat(400) });
self.close();`,
  );
  const lines = await stderrOf(`for (let n = 0; n < 4; n++) {
  new Worker(${JSON.stringify(`file://${isolate}`)}, { type: "module" });
}`);
  await Deno.remove(isolate);
  const counts = Map.groupBy(lines.map((line) => JSON.parse(line)), ({ fields: { n } }) => n);
  assertEquals(counts.size, 100);
  for (const [n, some] of counts) assertEquals(some.length, 4, `line ${n}`);
});
