import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { CliCluster, until } from "../support/cli_cluster.ts";
import { inGate } from "../support/require.ts";
import { TerminalProcess } from "../support/terminal_process.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const ENTER = "\x1b[?1049h";
const LEAVE = "\x1b[?25h\x1b[?1049l";

function watch(cluster: CliCluster): TerminalProcess {
  const args = ["run", "-A", "--quiet", MAIN, "watch", "--interval=100ms"];
  return new TerminalProcess([Deno.execPath(), ...args], {
    ...{ env: cluster.env, cwd: cluster.world.dir, size: { rows: 24, columns: 80 } },
  });
}

function stateOf(pid: number): string {
  return Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ").at(-1)![0]!;
}

/** How often a text stands in another. */
function times(text: string, part: string): number {
  return text.split(part).length - 1;
}

Deno.test("watch shows jobs as they come, comes back after Ctrl-Z, and q gives the terminal back", async () => {
  await using cluster = await CliCluster.start();
  await using terminal = watch(cluster);
  await terminal.printed(/Workers[^]*w0 +alive/);
  assert(terminal.text.startsWith(ENTER));
  await cluster.client.submit({ name: "/ada/seen", argv: ["true"] });
  await terminal.printed(/\/ada\/seen +SUCCEEDED/);
  terminal.type("\x1a");
  await until(() => stateOf(terminal.pid) === "T", "it is stopped");
  await until(() => terminal.text.endsWith(LEAVE), "the terminal is given back");
  Deno.kill(terminal.pid, "SIGCONT");
  await until(() => times(terminal.text, ENTER) === 2, "it is back");
  terminal.resize({ rows: 10, columns: 40 });
  terminal.type("q");
  assertEquals(await terminal.ended(), 0);
  await until(() => terminal.text.endsWith(LEAVE), "the terminal is given back");
});

for (const [how, end] of [["Ctrl-C", "\x03"], ["SIGTERM", "SIGTERM"]] as const) {
  Deno.test({
    name: `${how} ends watch, and the terminal is as it was`,
    ...(end === "SIGTERM" ? inGate() : {}),
    fn: async () => {
      await using cluster = await CliCluster.start();
      await using terminal = watch(cluster);
      await terminal.printed(/Workers[^]*w0 +alive/);
      if (end === "SIGTERM") Deno.kill(terminal.pid, "SIGTERM");
      else terminal.type(end);
      assertEquals(await terminal.ended(), 130);
      await until(() => terminal.text.endsWith(LEAVE), "the terminal is given back");
    },
  });
}

Deno.test({
  name: "watch says when what it shows is stale",
  ...inGate(),
  fn: async () => {
    await using cluster = await CliCluster.start();
    await using terminal = watch(cluster);
    await terminal.printed(/Workers[^]*w0 +alive/);
    Deno.kill(cluster.process.pid, "SIGTERM");
    await cluster.process.ended;
    await terminal.printed(/STALE: No answer from the controller/);
    terminal.type("q");
    assertEquals(await terminal.ended(), 0);
  },
});

Deno.test("without a terminal watch is a line at each look", async () => {
  await using cluster = await CliCluster.start();
  const { code, out } = await cluster.cli("watch", "--interval=100ms", "--count=2");
  assertEquals(code, 0);
  assertMatch(out, /^(\S+Z workers 1 of 1, active jobs 0, tasks running 0, waiting 0\n){2}$/);
  const [facts] = await cluster.json("watch", "--count=1");
  assertEquals(Object.keys(facts as object), [
    ...["atMs", "workers", "alive", "jobs", "running", "waiting"],
  ]);
});
