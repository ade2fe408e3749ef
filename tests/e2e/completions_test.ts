/** The completions in the shells themselves, against a real cluster. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { hasCommand, needs } from "../support/require.ts";
import { TerminalProcess } from "../support/terminal_process.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));

/** A world with `iris` on its PATH. */
function worldWithIris(): World & { readonly shellEnv: Record<string, string> } {
  const world = makeWorld();
  const bin = `${world.dir}/bin`;
  Deno.mkdirSync(bin);
  const run = `exec '${Deno.execPath()}' run -A --quiet '${MAIN}' "$@"\n`;
  Deno.writeTextFileSync(`${bin}/iris`, `#!/bin/sh\n${run}`, { mode: 0o755 });
  Deno.writeTextFileSync(`${world.dir}/a file`, "");
  Deno.mkdirSync(`${world.dir}/folder`);
  const shellEnv = { ...world.env, PATH: `${bin}:${world.env.PATH}`, IRIS_USER: "ada" };
  return Object.assign(world, { shellEnv });
}

async function shell(
  world: { dir: string; shellEnv: Record<string, string> },
  command: string[],
): Promise<string[]> {
  const { stdout, stderr } = await new Deno.Command(command[0]!, {
    args: command.slice(1),
    ...{ cwd: world.dir, env: world.shellEnv, clearEnv: true },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return text.trimEnd().split("\n").filter((line) => line !== "");
}

const words = (lines: string[]) => lines.map((line) => line.split("\t")[0]!.trim());

/** What bash would offer; words as bash breaks them. */
function inBash(world: Parameters<typeof shell>[0], line: string[]): Promise<string[]> {
  const script = 'source <(iris completions bash); COMP_WORDS=("$@"); ' +
    'COMP_CWORD=$(($# - 1)); _iris; printf "%s\\n" "${COMPREPLY[@]}"';
  return shell(world, ["bash", "--norc", "-c", script, "bash", ...line]);
}

function inFish(world: Parameters<typeof shell>[0], line: string): Promise<string[]> {
  return shell(world, [
    ...["fish", "--no-config", "-c", `iris completions fish | source; complete -C '${line}'`],
  ]);
}

Deno.test("bash completes commands, flags, values, files and the names of jobs and workers", async () => {
  using world = worldWithIris();
  const cluster = startIris(world, ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`], {
    env: { USER: "ada" },
  });
  const client = await clientOf(world, cluster);
  await client.submit({ name: "/ada/sweep", argv: ["true"] });
  await client.submit({ name: "/eve/other", argv: ["true"] });
  assertEquals(await inBash(world, ["iris", "job", "li"]), ["list"]);
  assertEquals(await inBash(world, ["iris", "job", "run", "--if-exists", "=", "ke"]), ["keep"]);
  assertEquals(await inBash(world, ["iris", "job", "run", "--if-exists", "="]), [
    ...["error", "keep", "replace"],
  ]);
  assertEquals(await inBash(world, ["iris", "job", "run", "--each-line", "a"]), ["a file"]);
  assertEquals(await inBash(world, ["iris", "job", "run", "--bundle", "fo"]), ["folder"]);
  assertEquals((await inBash(world, ["iris", "job", "run", "--bundle", "="])).sort(), [
    ...["bin", "folder", "home", "state", "tmp"],
  ]);
  assertEquals((await inBash(world, ["iris", "job", "show", ""])).sort(), ["/eve/other", "sweep"]);
  assertEquals(await inBash(world, ["iris", "task", "show", "sw"]), ["sweep/0"]);
  assertEquals(await inBash(world, ["iris", "worker", "drain", "w"]), ["w0"]);
  if (await hasCommand("fish")) {
    assertEquals(words(await inFish(world, "iris job show sw")), ["sweep"]);
  }
  Deno.kill(cluster.pid, "SIGTERM");
  await cluster.ended;
});

Deno.test("a completion that cannot ask a cluster is quick and says nothing", async () => {
  using world = worldWithIris();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    // It takes connections and never answers.
    world.shellEnv.IRIS_CONTROLLER = `http://127.0.0.1:${listener.addr.port}`;
    Deno.writeTextFileSync(`${world.dir}/token`, "t");
    world.shellEnv.IRIS_TOKEN_FILE = `${world.dir}/token`;
    const beganAt = performance.now();
    assertEquals(await shell(world, ["iris", "__complete", "bash", "--", "job", "show", ""]), []);
    assert(performance.now() - beganAt < 5_000, "it waits for long");
    world.shellEnv.IRIS_TOKEN_FILE = `${world.dir}/nowhere`;
    assertEquals(await shell(world, ["iris", "__complete", "zsh", "--", "vm", "show", ""]), []);
  } finally {
    listener.close();
  }
});

Deno.test({
  name: "fish completes commands with what they do, flags, values and files",
  ...await needs("the shell fish (fish)", () => hasCommand("fish")),
  fn: async () => {
    using world = worldWithIris();
    assertEquals(await inFish(world, "iris job li"), ["list\tList jobs, newest first."]);
    assertEquals(words(await inFish(world, "iris job run --if-exists=ke")), ["--if-exists=keep"]);
    assertEquals(words(await inFish(world, "iris job run --repl")), ["--replicas"]);
    assertEquals(words(await inFish(world, "iris job run --each-line=a")), ["--each-line=a file"]);
    assertEquals(words(await inFish(world, "iris job run --bundle fo")), ["folder/"]);
  },
});

Deno.test({
  name: "zsh completes commands, flags and values as they are typed",
  ...await needs("the shell zsh (zsh)", () => hasCommand("zsh")),
  fn: async () => {
    using world = worldWithIris();
    await using terminal = new TerminalProcess(["/usr/bin/env", "zsh", "-f", "-i"], {
      ...{ env: world.shellEnv, cwd: world.dir, size: { rows: 40, columns: 120 } },
    });
    terminal.type("PS1='> '; autoload -U compinit; compinit -D; source <(iris completions zsh)\n");
    terminal.type("echo rea''dy\n");
    await terminal.printed(/\nready/);
    const completed = async (line: string, becomes: RegExp) => {
      const from = terminal.text.length;
      terminal.type(`${line}\t`);
      await terminal.printed(new RegExp(`(?<=[^]{${from}})${becomes.source}`));
      terminal.type("\x15");
    };
    await completed("iris job li", /iris job list/);
    await completed("iris job run --repl", /--replicas/);
    await completed("iris job run --if-exists=ke", /--if-exists=keep/);
    await completed("iris job run --bundle fo", /--bundle folder/);
    terminal.type("iris comp\t");
    await terminal.printed(/completions/);
    terminal.type("\x15exit\n");
    assertEquals(await terminal.ended(), 0);
    assertMatch(terminal.text, /list/);
  },
});
