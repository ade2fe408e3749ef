import { assertEquals, assertMatch } from "@std/assert";
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
