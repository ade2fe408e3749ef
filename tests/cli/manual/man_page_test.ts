import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { irisManPage } from "../../../scripts/compile/man.ts";
import { COMMANDS } from "../../../src/cli/commands/all.ts";
import { typedName } from "../../../src/cli/flags/flag.ts";
import { shown } from "../../../src/cli/flags/help.ts";
import { hasCommand, needs } from "../../support/require.ts";

/** The page as `man` shows it. */
async function rendered(page: string): Promise<{ text: string; complaints: string }> {
  const child = new Deno.Command("groff", {
    args: ["-man", "-Tutf8", "-ww", "-rLL=100n", "-P-cbou"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(page));
  await writer.close();
  const { stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { text: decoder.decode(stdout), complaints: decoder.decode(stderr) };
}

Deno.test({
  name: "the man page is sound, and has every command with its flags, example and Ctrl-C",
  ...await needs("groff (groff-base)", () => hasCommand("groff")),
  fn: async () => {
    const { text, complaints } = await rendered(irisManPage());
    assertEquals(complaints, "");
    const words = text.replaceAll(/-?‐\n\s*/g, "").replaceAll(/\s+/g, " ");
    for (const command of shown(COMMANDS)) {
      const from = words.indexOf(`iris ${command.path.join(" ")} [FLAGS]`);
      assert(from >= 0, command.path.join(" "));
      const part = words.slice(from);
      for (const flag of Object.keys(command.flags)) assertStringIncludes(part, typedName(flag));
      assertStringIncludes(part, `Example: ${command.example.replaceAll(/\s+/g, " ")}`);
    }
    for (const part of ["EXIT STATUS", "IRIS_CONTROLLER", "--mode=worker [FLAGS]", "Ctrl-C"]) {
      assertStringIncludes(words, part);
    }
  },
});
