import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { resolveCommand } from "../../src/host/resolve_command.ts";
import { socketPathFor } from "../../src/host/socket_path.ts";

/** A folder with an executable, a plain file and a folder. */
function withFolder(fn: (folder: string) => void): void {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "iris-path-" }));
  try {
    Deno.writeTextFileSync(`${folder}/tool`, "#!/bin/sh\n", { mode: 0o755 });
    Deno.writeTextFileSync(`${folder}/text`, "", { mode: 0o644 });
    Deno.mkdirSync(`${folder}/dir`);
    fn(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function refusal(name: string, options: { path: string; cwd: string }): string {
  const error = assertThrows(() => resolveCommand(name, options), IrisError);
  assertEquals(error.code, "launch");
  return error.message;
}

Deno.test("a bare name is looked for in the task's own PATH, in its order", () => {
  withFolder((folder) => {
    const path = `/nowhere:${folder}:/usr/bin:/bin`;
    assertEquals(resolveCommand("tool", { path, cwd: "/" }), `${folder}/tool`);
    assertEquals(resolveCommand("sh", { path: "/bin", cwd: "/" }), "/bin/sh");
    // An empty part is the working directory (execvp(3)).
    assertEquals(resolveCommand("tool", { path: ":/bin", cwd: folder }), `${folder}/tool`);
  });
});

Deno.test("a name with a slash is a file from the working directory", () => {
  withFolder((folder) => {
    assertEquals(resolveCommand("./tool", { path: "", cwd: folder }), `${folder}/./tool`);
    assertEquals(resolveCommand(`${folder}/tool`, { path: "", cwd: "/" }), `${folder}/tool`);
  });
});

Deno.test("a command that is not there is refused with the reason", () => {
  withFolder((folder) => {
    const options = { path: folder, cwd: folder };
    assertEquals(refusal("foo", options), "Command not found: foo");
    assertEquals(
      refusal("text", options),
      `Command not found: text (${folder}/text is not executable)`,
    );
    assertEquals(refusal("./dir", options), "Cannot start ./dir: a directory");
    assertEquals(refusal("./text", options), "Cannot start ./text: not executable");
    assertEquals(refusal("/no/such", options), "Cannot start /no/such: no such file");
  });
});

Deno.test("a socket's path is short enough however deep its folder is", () => {
  assertEquals(socketPathFor("/run/w0"), "/run/w0/keeper.sock");
  const deep = `/run/${"d".repeat(200)}`;
  const path = socketPathFor(deep);
  assertEquals(path, socketPathFor(deep));
  assertEquals(new TextEncoder().encode(path).length <= 107, true);
  assertEquals(socketPathFor(`${deep}e`) === path, false);
});
