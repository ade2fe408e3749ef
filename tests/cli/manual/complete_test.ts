import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../../src/cli/commands/all.ts";
import { complete } from "../../../src/cli/manual/complete.ts";
import { MODES } from "../../../src/cli/modes/all.ts";

function at(line: string) {
  return complete(line.split(" "), { commands: COMMANDS, modes: MODES });
}

function words(line: string): string[] {
  return at(line).candidates.map(({ word }) => word);
}

Deno.test("commands are completed word by word, and hidden ones are not", () => {
  assertEquals(words("jo"), ["job"]);
  assertEquals(words("job li"), ["list"]);
  assertEquals(words("config "), ["check", "schema", "show"]);
  assertEquals(words("__c"), []);
});

Deno.test("flags are completed, one that was given only where it may be again", () => {
  assertEquals(words("job list --sta"), ["--state"]);
  assertEquals(words("job list --state running --sta"), []);
  assertEquals(words("job run --env A=1 --en"), ["--env"]);
  assertEquals(words("job run -"), words("job run --").filter((word) => word !== ""));
  assertEquals(words("--mode=loc"), ["--mode=local"]);
  assertEquals(words("--mode=worker --on-s"), ["--on-stop"]);
});

Deno.test("values are completed where it is known what they can be", () => {
  assertEquals(words("job run --if-exists "), ["error", "keep", "replace"]);
  assertEquals(words("job run --if-exists=k"), ["--if-exists=keep"]);
  assertEquals(words("job run --nope=k"), []);
  assertEquals(words("job list --state pe"), ["pending"]);
  assertEquals(words("completions f"), ["fish"]);
  assertEquals(words("task signal a/0 US"), ["USR1", "USR2"]);
  assertEquals(at("job list --token-file ").paths, "files");
  assertEquals(at("job run --bundle=").paths, "dirs");
  assertEquals(at("job list --limit "), { candidates: [], live: null, paths: null, typed: "" });
});

Deno.test("names that only a cluster knows are asked for where they stand", () => {
  assertEquals(at("job show ").live, { kind: "job", before: "" });
  assertEquals(at("job show a ").live, null);
  assertEquals(at("job run --after=").live, { kind: "job", before: "--after=" });
  assertEquals(at("worker drain --why x ").live, { kind: "worker", before: "" });
  assertEquals(at("vm explain ").live, { kind: "group", before: "" });
  assertEquals(at("job list --context ").live, { kind: "context", before: "" });
  assertEquals(at("task exec ").live, { kind: "task", before: "" });
});

Deno.test("behind -- it is the shell's own affair", () => {
  assertEquals(at("job run -- l").paths, "files");
  assertEquals(words("job run "), ["--"]);
});
