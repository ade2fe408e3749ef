import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { command } from "../../../src/cli/flags/command.ts";
import { commandHelp, groupHelp } from "../../../src/cli/flags/help.ts";
import { parseCommandLine } from "../../../src/cli/flags/parse.ts";
import { parseCount, parsePair, parseText } from "../../../src/cli/flags/quantities.ts";

const run = command({
  path: ["job", "run"],
  summary: "Run a job.",
  flags: {
    replicas: {
      kind: "value",
      parse: parseCount(1, 9),
      value: "N",
      help: "how many",
      default: "1",
    },
    tokenFile: { kind: "value", parse: parseText, value: "FILE", help: "a token", env: "TOKEN" },
    env: { kind: "repeated", parse: parsePair, value: "N=V", help: "a variable" },
    json: { kind: "switch", help: "JSON" },
  },
  takesArgv: true,
  example: "iris job run -- true",
  ctrlC: "stops it.",
  run: () => Promise.resolve(0),
});
const show = command({
  path: ["job", "show"],
  summary: "Show a job.",
  flags: { json: { kind: "switch", help: "JSON" } },
  operands: ["JOB"],
  example: "iris job show a",
  run: () => Promise.resolve(0),
});
const commands = [run, show];

function parse(line: string, env: Record<string, string> = {}) {
  const argv = line === "" ? [] : line.split(" ");
  return parseCommandLine(argv, { commands, env: (name) => env[name] });
}

function invocation(line: string, env: Record<string, string> = {}) {
  const parsed = parse(line, env);
  if (parsed.kind !== "run") throw new Error(`help for ${line}`);
  return parsed.invocation;
}

function refused(line: string, message: string): void {
  const error = assertThrows(() => parse(line), IrisError, message);
  assertEquals(error.code, "usage");
}

Deno.test("values are resolved from what is typed, then the environment, then the default", () => {
  const typed = invocation("job run --replicas 3 --token-file=f --json -- cmd --replicas 7");
  assertEquals(typed.values, {
    ...{ replicas: 3, tokenFile: "f", env: [], json: true, quiet: false },
  });
  assertEquals(typed.argv, ["cmd", "--replicas", "7"]);
  assertEquals(invocation("job run --token-file - -- cmd --token-file -").values.tokenFile, "-");
  const left = invocation("job run -- true", { TOKEN: "from-env" });
  assertEquals(left.values, {
    ...{ replicas: 1, tokenFile: "from-env", env: [], json: false, quiet: false },
  });
  assertEquals(invocation("job run -- true").values.tokenFile, undefined);
});

Deno.test("a repeated flag collects, any other may be given once", () => {
  assertEquals(invocation("job run --env A=1 --env B=2 -- true").values.env, [["A", "1"], [
    "B",
    "2",
  ]]);
  refused("job run --replicas 1 --replicas 2 -- true", "--replicas was given 2 times");
});

Deno.test("what is typed wrong is named, and the near one suggested", () => {
  refused("job run --replcas 3 -- true", "Did you mean --replicas?");
  refused("job run --zzzzzzzz -- true", "see iris job run --help");
  refused("job rnu -- true", 'Did you mean "iris job run"?');
  refused("jbo", 'Did you mean "iris job"?');
  refused("frobnicate", 'Unknown command "frobnicate"');
  refused("job run --replicas 0 -- true", "Invalid --replicas");
  refused("job run --replicas", 'Invalid --replicas: ""');
});

Deno.test("the separator and operands are asked for where they belong, and only there", () => {
  refused("job run true", 'Missing "--" before the command');
  refused("job run --", 'No command after "--"');
  refused("job show", "iris job show needs JOB");
  refused("job show a b", 'does not take "b"');
  refused("job show a -- c", 'takes nothing after "--"');
  assertEquals(invocation("job show a").operands, ["a"]);
  assertEquals(invocation("job show 0123").operands, ["0123"]);
});

Deno.test("help is asked for at every level", () => {
  assertEquals(parse("job run --help").kind, "help");
  assertEquals(parse("job --help").kind, "help");
  assertEquals(parse("job").kind, "help");
  assertEquals(parse("--help").kind, "help");
});

Deno.test("help shows usage, flags with their defaults, an example and what Ctrl-C does", () => {
  const text = commandHelp(run);
  for (
    const part of [
      "Usage: iris job run [FLAGS] -- COMMAND [ARG ...]",
      "--replicas N",
      "default 1",
      "or TOKEN",
      "may be given many times",
      "iris job run -- true",
      "Ctrl-C: stops it.",
    ]
  ) assertStringIncludes(text, part);
  for (const line of text.split("\n")) assertEquals(line.length <= 80, true, line);
  const group = groupHelp(commands, { path: ["job"] });
  assertStringIncludes(group, "iris job show");
});

Deno.test("one letter stands for some flags, and an operand with dots for one or more", () => {
  assertEquals(invocation("job show -q a").values.quiet, true);
  assertEquals(invocation("job show a", { IRIS_QUIET: "1" }).values.quiet, true);
  assertEquals(invocation("job show a", { IRIS_QUIET: "0" }).values.quiet, false);
  const many = command({ ...show, operands: ["JOB..."], run: () => Promise.resolve(0) });
  const parsed = (line: string) =>
    parseCommandLine(line.split(" "), { commands: [many], env: () => undefined });
  const found = parsed("job show a b c");
  assertEquals(found.kind === "run" && found.invocation.operands, ["a", "b", "c"]);
  assertThrows(() => parsed("job show"), IrisError, "iris job show needs JOB");
});

Deno.test("a file stands in for what was not typed, and named values are put together", () => {
  const { withFile } = invocation("job run --env A=1 -- true", { TOKEN: "" });
  const file: Record<string, string[]> = { replicas: ["4"], env: ["A=0", "B=2"], json: ["true"] };
  assertEquals(withFile((flag) => file[flag]), {
    ...{ replicas: 4, tokenFile: undefined, env: [["A", "1"]], json: true, quiet: false },
  });
  const named = command({
    ...run,
    flags: { env: { kind: "repeated", named: true, parse: parsePair, value: "N=V", help: "" } },
    run: () => Promise.resolve(0),
  });
  const parsed = parseCommandLine(["job", "run", "--env", "A=1", "--", "true"], {
    commands: [named],
    env: () => undefined,
  });
  assertEquals(parsed.kind === "run" && parsed.invocation.withFile((flag) => file[flag]).env, [
    ["A", "0"],
    ["B", "2"],
    ["A", "1"],
  ]);
});

Deno.test("help fits the terminal it is shown at, and has flags under their headings", () => {
  const grouped = command({
    ...run,
    flags: {
      ...run.flags,
      long: {
        kind: "value",
        parse: parseText,
        value: "A-RATHER-LONG-NAME-OF-A-VALUE",
        group: "Others",
        help: "has a name that leaves no room for what it does, which is much to say",
      },
    },
    run: () => Promise.resolve(0),
  });
  for (const columns of [40, 60, 100]) {
    const text = commandHelp(grouped, { columns });
    for (const line of text.split("\n")) assertEquals(line.length <= columns, true, line);
    assertStringIncludes(text, "\nOthers:\n  --long A-RATHER");
  }
});
