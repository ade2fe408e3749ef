import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { commandAt, placeOf } from "../../src/host/same_place.ts";
import { needs } from "../support/require.ts";

const asRoot = await needs("root", () => Deno.uid() === 0);

Deno.test("where this process is nothing has to be done", () => {
  const place = placeOf(Deno.pid);
  assertEquals(place, { cgroups: [], rights: null });
  const command = { path: "/bin/true", argv: ["true", "x"] };
  assertEquals(commandAt(place, command), command);
});

Deno.test("a process that is gone has no place", () => {
  assertThrows(() => placeOf(2 ** 22 + 1), IrisError, "it is gone");
});

Deno.test({
  name: "a command gets the rights of another process, and none of ours",
  ...asRoot,
  async fn() {
    const other = new Deno.Command("sleep", { args: ["600"], uid: 65_534, gid: 65_534 }).spawn();
    try {
      const place = placeOf(other.pid);
      assertEquals(place.rights, { uid: 65_534, gid: 65_534 });
      const { path, argv } = commandAt(place, {
        path: "/bin/sh",
        argv: ["sh", "-c", "id -u; id -G"],
      });
      const { stdout } = await new Deno.Command(path, { args: argv.slice(1) }).output();
      assertEquals(new TextDecoder().decode(stdout), "65534\n65534\n");
    } finally {
      other.kill("SIGKILL");
      await other.status;
    }
  },
});

const cgroups = await needs("writable cgroups", () => {
  const path = `/sys/fs/cgroup/pids/iris-place-${Deno.pid}`;
  Deno.mkdirSync(path);
  Deno.removeSync(path);
  return true;
});

Deno.test({
  name: "a command enters the cgroup that another process is in",
  ...cgroups,
  async fn() {
    const folder = `/sys/fs/cgroup/pids/iris-place-${Deno.pid}`;
    Deno.mkdirSync(folder);
    const other = new Deno.Command("sleep", { args: ["600"] }).spawn();
    try {
      Deno.writeTextFileSync(`${folder}/cgroup.procs`, String(other.pid));
      const place = placeOf(other.pid);
      assertEquals(place.cgroups, [`${folder}/cgroup.procs`]);
      const script = "grep pids: /proc/self/cgroup";
      const { path, argv } = commandAt(place, { path: "/bin/sh", argv: ["sh", "-c", script] });
      const { stdout } = await new Deno.Command(path, { args: argv.slice(1) }).output();
      const line = new TextDecoder().decode(stdout).trimEnd();
      assertEquals(line.endsWith(`/iris-place-${Deno.pid}`), true, line);
    } finally {
      other.kill("SIGKILL");
      await other.status;
      Deno.removeSync(folder);
    }
  },
});
