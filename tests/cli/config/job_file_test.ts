import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { jobsOf } from "../../../src/cli/config/job_file.ts";
import { jobJsonSchema } from "../../../src/cli/config/job_schema.ts";
import { JOB_FLAGS } from "../../../src/cli/flags/job_flags.ts";

function refused(text: string, says: string): void {
  const error = assertThrows(() => jobsOf("dir/job.yaml", text), IrisError);
  assertEquals(error.message, `Invalid --file: dir/job.yaml:${says}`);
  assertEquals(error.code, "usage");
}

function names(text: string): (string | undefined)[] {
  return jobsOf("job.yaml", text).map((job) => job.flag("name")?.[0]);
}

Deno.test("a job file says of each flag what would be typed", () => {
  const [job] = jobsOf(
    "dir/job.yaml",
    `name: sweep
command: [python, sweep.py, 3, true]
replicas: 8
cpu: 0.5
memory: 2GiB
env: { A: 1, B: "two words" }
after: [prep, other:end]
module: f.ts#main
args: { n: 3 }
hold: true
bundle: src
eachLine: /lines
`,
  );
  const typed = (flag: string) => job!.flag(flag);
  assertEquals(job!.argv, ["python", "sweep.py", "3", "true"]);
  assertEquals(typed("replicas"), ["8"]);
  assertEquals(typed("cpu"), ["0.5"]);
  assertEquals(typed("env"), ["A=1", "B=two words"]);
  assertEquals(typed("after"), ["prep", "other:end"]);
  assertEquals(typed("args"), ['{"n":3}']);
  assertEquals(typed("hold"), ["true"]);
  assertEquals(typed("disk"), undefined);
  assertEquals(typed("bundle"), ["dir/src"]);
  assertEquals(typed("module"), ["f.ts#main"], "it is in the bundle");
  assertEquals(typed("eachLine"), ["/lines"]);
});

Deno.test("a line is for the shell, and paths are those of the file's folder", () => {
  const [job] = jobsOf("a/b/job.yaml", "command: echo $A | wc\nmodule: ./f.ts\neachLine: lines\n");
  assertEquals(job!.argv, ["sh", "-c", "echo $A | wc"]);
  assertEquals(job!.flag("module"), ["a/b/./f.ts"]);
  assertEquals(job!.flag("eachLine"), ["a/b/lines"]);
  assertEquals(jobsOf("job.yaml", "module: f.ts\n")[0]!.argv, null);
});

Deno.test("several jobs stand in a list or in several documents, and come behind what they wait for", () => {
  const list = `jobs:
  - { name: c, after: [b], command: "true" }
  - { name: a, command: "true" }
  - { name: b, after: ["/ada/a:end", elsewhere], command: "true" }
`;
  assertEquals(names(list), ["a", "b", "c"]);
  assertEquals(names("name: a\n---\nname: b\n---\n"), ["a", "b"]);
  assertEquals(names("name: b\nafter: [a]\n---\njobs: [{ name: a }]\n"), ["a", "b"]);
});

Deno.test("what is wrong is said with its line and column, and what would be right", () => {
  refused("nmae: a\n", "1:1: nmae: There is no such key. Did you mean name?");
  refused(
    "name: a\nmemory: 2GBB\n",
    '2:9: memory: "2GBB" is not a size (examples: 512MB, 2GiB)',
  );
  refused(
    "name: a\n---\nname: b\ncpu: no\n",
    '4:6: cpu: "no" is not a number of cores above 0 (examples: 0.5, 2, 250m)',
  );
  refused("jobs: []\n", "1:7: jobs: There is no job in it");
  refused(
    "jobs:\n  - { comand: x }\n",
    "2:7: jobs[0].comand: There is no such key. Did you mean command?",
  );
  refused("- a\n", "1:1: Here stand the keys of a job, or jobs: with a list of them");
  refused("", "1:1: There is no job in it");
  refused("command: []\n", "1:10: command: It is empty");
  refused("hold: perhaps\n", "1:7: hold: This is not true or false");
  refused(
    "priority: interactiv\n",
    '1:11: priority: "interactiv" is not one of production, interactive, batch. ' +
      "Did you mean interactive?",
  );
  refused(
    "jobs: [{ name: a, after: [b] }, { name: b, after: [a] }]\n",
    "1:19: jobs[0].after: It waits for itself, by way of what it waits for",
  );
  refused("name: a\n---\nname: a\n", "3:7: name: There are two jobs a in this file");
  refused("a: b: c\n", "1:4: Nested mappings are not allowed in compact mappings");
});

Deno.test("the schema in docs/ is the one of the declarations, and has every flag of a job", async () => {
  const schema = jobJsonSchema();
  const file = new URL("../../../docs/job.schema.json", import.meta.url);
  assertEquals(JSON.parse(await Deno.readTextFile(file)), schema);
  const [one] = schema.anyOf as { properties: Record<string, unknown> }[];
  for (const flag of [...Object.keys(JOB_FLAGS), "command"]) {
    assertEquals(Object.hasOwn(one!.properties, flag), true, flag);
  }
});
