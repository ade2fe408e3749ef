import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { type LaunchStep, stepFailure, stepRequest } from "../../src/host/launch_step.ts";
import { blockedFolder, findUser } from "../../src/host/user.ts";
import { FolderSize } from "../../src/host/folder_size.ts";

const STEP: LaunchStep = { cgroups: [], runAs: null, mark: "iris-start-77" };
const NOBODY = { uid: 65_534, gid: 65_534, user: "nobody", home: "/" };

/** Runs a step for real, with pipes instead of files. */
async function run(argv: readonly string[], more: Partial<LaunchStep> = {}) {
  const step = { ...STEP, ...more };
  const request = stepRequest({
    ...{ path: argv[0]!, argv, env: [], cwd: "/", stdoutPath: "", stderrPath: "" },
  }, step);
  const { code, stdout, stderr } = await new Deno.Command(request.path, {
    args: request.argv.slice(1),
  }).output();
  const [out, text] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, failure: stepFailure({ code, stderr: text!, name: "it", step }) };
}

Deno.test("a step becomes its command, whatever the arguments hold", async () => {
  const words = ["", "a b", "$HOME", "--", "'", "\n", "*"];
  const { out, failure, code } = await run(["/usr/bin/printf", "[%s]", ...words]);
  assertEquals(out, words.map((word) => `[${word}]`).join(""));
  assertEquals([code, failure], [0, null]);
});

Deno.test("a step that cannot go on says so, and its command's own codes stay its own", async () => {
  const gone = await run(["/no/such/file"]);
  assertEquals([gone.code, gone.failure], [127, "Cannot start it: not found"]);
  const refused = await run(["/etc/passwd"]);
  assertEquals([refused.code, refused.failure], [126, "Cannot start it: Permission denied"]);
  const cgroup = await run(["/bin/true"], { cgroups: ["/proc/1/no-such-file"] });
  const why = "Cannot start it: cannot enter /proc/1/no-such-file";
  assertEquals([cgroup.code, cgroup.failure], [125, why]);
  for (const code of [1, 125, 126, 127]) {
    const script = `echo "sh: 1: exec: not found" >&2; exit ${code}`;
    const own = await run(["/bin/sh", "-c", script]);
    assertEquals([own.code, own.failure], [code, null]);
  }
});

Deno.test("a step names the files that it enters in order, each with itself", async () => {
  const file = await Deno.makeTempFile();
  try {
    const { out } = await run(["/bin/cat", file], { cgroups: [file] });
    assertEquals(out, "0\n");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a refusal of setpriv is a launch error only where it was part of the step", () => {
  const stderr = "setpriv: setresuid failed: Operation not permitted\n";
  const of = { code: 127, stderr, name: "it" };
  assertEquals(stepFailure({ ...of, step: STEP }), null);
  const step = { ...STEP, runAs: NOBODY };
  const said = "Cannot start it as nobody: setresuid failed: Operation not permitted";
  assertEquals(stepFailure({ ...of, step }), said);
  assertEquals(stepFailure({ ...of, code: 3, step }), null);
  assertEquals(stepFailure({ ...of, stderr: `hello\n${stderr}`, step }), null);
});

/** A root folder with users and groups. */
async function withUsers(fn: (root: string) => void): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/etc`);
    const passwd = "root:x:0:0::/root:/bin/sh\nada:x:1001:100:Ada:/home/ada:/bin/sh\n";
    await Deno.writeTextFile(`${root}/etc/passwd`, passwd);
    await Deno.writeTextFile(`${root}/etc/group`, "users:x:100:\ngpu:x:44:ada\n");
    fn(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("a user is found by name or number, with a group of its own or a given one", async () => {
  await withUsers((root) => {
    const ada = { uid: 1001, gid: 100, user: "ada", home: "/home/ada" };
    assertEquals(findUser("ada", "--run-as", root), ada);
    assertEquals(findUser("1001", "--run-as", root), ada);
    assertEquals(findUser("ada:gpu", "--run-as", root), { ...ada, gid: 44 });
    const number = { uid: 7, gid: 8, user: "7", home: "/" };
    assertEquals(findUser("7:8", "--run-as", root), number);
  });
});

Deno.test("a user that is not there is refused in one line that names the flag", async () => {
  await withUsers((root) => {
    const refused = (text: string, why: string) => {
      const error = assertThrows(() => findUser(text, "--run-as", root), IrisError);
      assertEquals(error.message, `Invalid --run-as: ${why}`);
    };
    refused("bob", "there is no user bob on this host");
    refused("ada:nope", "there is no group nope on this host");
    refused("7", "user 7 has no group on this host: give 7:GROUP");
    refused("99999999999:1", "there is no user 99999999999 on this host");
    for (const odd of ["", ":", "ada:", "a:b:c"]) {
      refused(odd, `"${odd}" is not USER or USER:GROUP`);
    }
  });
});

Deno.test("the folder that shuts a user out is named", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/shut/below`, { recursive: true });
    // The folder of all of a test's temporary ones is its own as well.
    for (const path of [root, root.slice(0, root.lastIndexOf("/"))]) await Deno.chmod(path, 0o711);
    await Deno.chmod(`${root}/shut`, 0o700);
    assertEquals(blockedFolder(`${root}/shut/below`, NOBODY), `${root}/shut`);
    await Deno.chmod(`${root}/shut`, 0o701);
    assertEquals(blockedFolder(`${root}/shut/below/new`, NOBODY), null);
    const owner = Deno.statSync(root);
    const self = { ...NOBODY, uid: owner.uid!, gid: owner.gid! };
    await Deno.chmod(`${root}/shut`, 0o700);
    assertEquals(blockedFolder(`${root}/shut/below`, self), null);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("a folder's size is counted some entries at a time, each file once", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/a/b`, { recursive: true });
    const block = new Uint8Array(64 * 1024).fill(1);
    for (let file = 0; file < 10; file++) await Deno.writeFile(`${root}/a/${file}`, block);
    await Deno.link(`${root}/a/0`, `${root}/a/b/again`);
    await Deno.symlink("/usr", `${root}/a/b/elsewhere`);
    const size = new FolderSize(root);
    let steps = 1;
    while (!size.step(3)) steps++;
    assertEquals(steps > 3, true, "it came in parts");
    const kib = Math.floor(size.bytes / 1024);
    assertEquals(kib >= 640 && kib < 740, true, `${kib} KiB`);
    const gone = new FolderSize(`${root}/nothing`);
    assertEquals([gone.step(10), gone.bytes], [true, 0]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("a missing setpriv is named with the package that has it", () => {
  // The refusal is made before anything starts: no setpriv lies where the step looks.
  const request = { path: "/bin/true", argv: ["true"], env: [], cwd: "/", stdoutPath: "" };
  const step = { ...STEP, runAs: NOBODY };
  const error = assertThrows(
    () => stepRequest({ ...request, stderrPath: "" }, step, ["/no/such/folder"]),
    IrisError,
  );
  assertEquals(error.code, "launch");
  assertStringIncludes(error.message, "setpriv is missing (Debian has it in util-linux)");
});
