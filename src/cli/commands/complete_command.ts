/**
 * What a shell's completion asks: words that may come next, from the declarations and from the running
 * cluster. It is quick, and says nothing when a cluster cannot be asked.
 */
import type { IrisClient } from "../../client/iris_client.ts";
import { clientConfig, connectTo } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { complete, type LiveKind } from "../manual/complete.ts";
import type { Shell } from "../manual/shell_scripts.ts";
import { LOCAL_CONTEXT, type TargetFlags } from "../target.ts";
import { userName } from "../user_name.ts";
import { MODES } from "../modes/all.ts";
import { COMMANDS } from "./all.ts";

/** A person waits: a cluster that is slower than this has no names, in ms. */
const ASK_MS = 800;
/** So many names are offered at most. */
const MAX_NAMES = 200;

/** Prints the words. @returns the exit code */
export async function answerShell(
  context: CliContext,
  shell: Shell,
  argv: readonly string[],
): Promise<number> {
  const words = shell === "bash" ? rejoined(argv) : [...argv];
  const { candidates, live, paths, typed } = complete(words, {
    ...{ commands: COMMANDS, modes: MODES },
  });
  // Bash replaces only what stands behind the last of these.
  const skip = shell === "bash" ? typed.search(/[^=:]*$/) : 0;
  const say = (word: string, help: string) => {
    const line = word.slice(skip);
    context.out(help === "" || shell === "bash" ? line : `${line}\t${help}`);
  };
  for (const { word, help } of candidates) say(word, help);
  if (paths !== null) context.out(`:${paths}`);
  if (live === null) return 0;
  for (const name of await names(context, live.kind, words)) {
    const word = live.before + name;
    if (word.startsWith(typed)) say(word, "");
  }
  return 0;
}

/** Bash gives `--flag=value` as three words. */
function rejoined(words: readonly string[]): string[] {
  const joined: string[] = [];
  let open = false;
  for (const word of words) {
    const isBreak = /^[=:]+$/.test(word);
    if ((open || isBreak) && joined.length > 0) joined.push(joined.pop()! + word);
    else joined.push(word);
    open = isBreak;
  }
  return joined;
}

async function names(
  context: CliContext,
  kind: LiveKind,
  words: readonly string[],
): Promise<readonly string[]> {
  try {
    if (kind === "context") {
      return [...Object.keys((await clientConfig(context))?.contexts ?? {}), LOCAL_CONTEXT];
    }
    const client = await connectTo(context, targetIn(words, context), { timeoutMs: ASK_MS });
    return (await namesOf(client, kind, context)).slice(0, MAX_NAMES);
  } catch {
    // A completion is no place for an error.
    return [];
  }
}

async function namesOf(
  client: IrisClient,
  kind: Exclude<LiveKind, "context">,
  context: CliContext,
): Promise<string[]> {
  switch (kind) {
    case "worker":
      return (await client.workers()).map(({ name }) => name);
    case "vm":
      return (await client.fleet.vms({ gone: false })).map(({ vm }) => vm);
    case "group":
      return (await client.fleet.groups()).map(({ name }) => name);
    case "task":
    case "job": {
      const own = `/${userName(context)}/`;
      const jobs = await client.jobs({ limit: MAX_NAMES });
      const found = jobs.map(({ name }) => name.startsWith(own) ? name.slice(own.length) : name);
      return [...new Set(found)].map((name) => kind === "task" ? `${name}/0` : name);
    }
  }
}

/** Which cluster the line means so far. */
function targetIn(words: readonly string[], { env }: CliContext): TargetFlags {
  const given = (flag: string, name: string) => {
    const joined = words.find((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1);
    const at = words.indexOf(flag);
    return joined ?? (at < 0 ? undefined : words[at + 1]) ?? env(name);
  };
  return {
    controller: given("--controller", "IRIS_CONTROLLER"),
    tokenFile: given("--token-file", "IRIS_TOKEN_FILE"),
    caFile: given("--ca-file", "IRIS_CA_FILE"),
    context: given("--context", "IRIS_CONTEXT"),
  };
}
