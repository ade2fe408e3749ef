import { assertEquals } from "@std/assert";
import { IgnoreRules } from "../../src/archive/ignore_rules.ts";
import { scanFolder } from "../../src/archive/scan_folder.ts";
import { hasCommand, needs } from "../support/require.ts";
import { fill, tempFolder } from "./samples.ts";

function filesIn(folder: string): string[] {
  return scanFolder(folder, {
    rules: IgnoreRules.of(folder),
    onProblem: (path, why) => {
      throw new Error(`${path} ${why}`);
    },
  }).filter(({ kind }) => kind !== "folder").map(({ path }) => path);
}

const TREE = {
  ".gitignore": "*.log\n/build/\nsecret\n!keep.log\ndocs/**/*.tmp\n# a comment\n\\#odd\nsp ace/\n",
  "a.log": "",
  "keep.log": "",
  "build/x": "",
  "src/build/x": "",
  "src/.gitignore": "!a.log\nlocal/\n*.o\n",
  "src/a.log": "",
  "src/b.log": "",
  "src/x.o": "",
  "src/local/y": "",
  "src/deep/.gitignore": "!x.o\n/only-here\n",
  "src/deep/x.o": "",
  "src/deep/only-here": "",
  "src/deep/more/only-here": "",
  "secret/file": "",
  "lib/secret": "",
  "docs/a/b/c.tmp": "",
  "docs/a/c.txt": "",
  "#odd": "",
  "sp ace/z": "",
};

async function git(folder: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("git", {
    args: ["-C", folder, "-c", "core.excludesFile=/dev/null", ...args],
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: "what is left out is what git leaves out, from the root and from a folder below it",
  ...await needs("git (git)", () => hasCommand("git")),
  async fn() {
    using world = tempFolder();
    fill(world.path, TREE);
    await git(world.path, "init", "-q");
    const listed = async (folder: string) => {
      const text = await git(folder, "ls-files", "-z", "--others", "--exclude-standard");
      return text.split("\0").filter((name) => name !== "").sort();
    };
    assertEquals(filesIn(world.path).sort(), await listed(world.path));
    assertEquals(filesIn(`${world.path}/src`).sort(), await listed(`${world.path}/src`));
  },
});

Deno.test("a .irisignore adds to .gitignore, takes back what that leaves out, and .git never goes", () => {
  using world = tempFolder();
  fill(world.path, {
    ".gitignore": "*.bin\n",
    ".irisignore": "!model.bin\ntests/\n",
    "model.bin": "",
    "other.bin": "",
    "tests/x": "",
    "run.sh": "",
    "sub/.irisignore": "run.sh\n",
    "sub/run.sh": "",
    "sub/.git/config": "",
    ".git/config": "",
  });
  assertEquals(filesIn(world.path), [
    ".gitignore",
    ".irisignore",
    "model.bin",
    "run.sh",
    "sub/.irisignore",
  ]);
});

Deno.test("what cannot be packed is named with its reason", () => {
  using world = tempFolder();
  fill(world.path, { "ok": "", "in": "->ok", "out": "->../x", "abs": "->/etc" });
  const server = Deno.listen({ transport: "unix", path: `${world.path}/socket` });
  const problems: string[] = [];
  const options = {
    rules: null,
    onProblem: (path: string, why: string) => void problems.push(`${path} ${why}`),
  };
  assertEquals(scanFolder(world.path, options).map(({ path }) => path), ["in", "ok"]);
  server.close();
  assertEquals(problems, [
    "abs is a link to an absolute path (/etc)",
    "out is a link out of the folder (../x)",
    "socket is a socket",
  ]);
});
