import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { openStateDir, stateHome } from "../../src/host/state_dir.ts";

function scratch(): { path: string } & Disposable {
  const path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "iris-state-" }));
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

function refusal(path: string): IrisError {
  const error = assertThrows(() => openStateDir(path), IrisError);
  assertEquals(error.code, "state_dir");
  return error;
}

Deno.test("a state folder is made with its parents, for its user only", () => {
  using dir = scratch();
  const state = openStateDir(`${dir.path}/a/b`);
  assertEquals(Deno.statSync(state.path).mode! & 0o777, 0o700);
  assertEquals(state.folder("logs"), `${dir.path}/a/b/logs`);
  state.release();
});

Deno.test("a second holder is refused with the first one's pid, until it lets go", () => {
  using dir = scratch();
  const first = openStateDir(dir.path);
  assertMatch(
    refusal(dir.path).message,
    new RegExp(`running process of Iris \\(pid ${Deno.pid}\\)`),
  );
  first.release();
  openStateDir(dir.path).release();
});

Deno.test("a file in the place of the folder is refused and not touched", () => {
  using dir = scratch();
  const file = `${dir.path}/file`;
  Deno.writeTextFileSync(file, "mine");
  assertMatch(refusal(file).message, /is a file/);
  assertMatch(refusal(`${file}/below`).message, /below one|cannot be written/);
  assertEquals(Deno.readTextFileSync(file), "mine");
});

Deno.test("a folder that cannot be written is refused", () => {
  assertMatch(refusal("/proc/iris").message, /cannot be written/);
});

Deno.test("a token is made once, for its user only, and a broken one is not replaced", () => {
  using dir = scratch();
  const state = openStateDir(dir.path);
  const token = state.token("token");
  assertMatch(token, /^[0-9a-f]{64}$/);
  assertEquals(state.token("token"), token);
  assertEquals(Deno.statSync(`${dir.path}/token`).mode! & 0o777, 0o600);
  Deno.writeTextFileSync(`${dir.path}/other`, "no\0token");
  assertThrows(() => state.token("other"), IrisError, "holds no token");
  assertEquals(Deno.readTextFileSync(`${dir.path}/other`), "no\0token");
  state.release();
});

Deno.test("the state home follows XDG, else HOME, else asks for a folder", () => {
  const env = (values: Record<string, string>) => (name: string) => values[name];
  assertEquals(stateHome(env({ XDG_STATE_HOME: "/x", HOME: "/h" })), "/x/iris");
  assertEquals(stateHome(env({ XDG_STATE_HOME: "x", HOME: "/h" })), "/h/.local/state/iris");
  assertThrows(() => stateHome(env({})), IrisError, "--state-dir");
});
