/** What the doctor says of hosts that lack something, most of it really missing. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import * as programs from "../../../src/cli/doctor/program_checks.ts";
import * as host from "../../../src/cli/doctor/host_checks.ts";
import { runChecks } from "../../../src/cli/doctor/run_checks.ts";
import { FakeCgroupFs } from "../../fakes/fake_cgroup_fs.ts";
import { ManualClock } from "../../fakes/manual_clock.ts";

/** The environment of somebody without any program. */
const nothing = (name: string) => name === "PATH" ? "/nowhere" : undefined;
const own = (name: string) => Deno.env.get(name);

Deno.test("a kernel that is old, or none of Linux, is a warning", () => {
  assertEquals(host.kernel("6.1.0-13-amd64", "linux").verdict, "ok");
  assertEquals(host.kernel("4.18.0", "linux").verdict, "ok");
  for (const release of ["4.17.9", "3.10.0-1160"]) {
    assertEquals(host.kernel(release, "linux").verdict, "warn", release);
  }
  assertEquals(host.kernel("23.1.0", "darwin").verdict, "warn");
});

Deno.test("whether limits of tasks are kept follows from the cgroups that can be made", () => {
  const fs = new FakeCgroupFs();
  fs.mountV2("/sys/fs/cgroup", ["memory", "cpu", "pids"]);
  fs.self("0::/");
  assertEquals(host.cgroups(fs).verdict, "ok");
  assertEquals(fs.below("/sys/fs/cgroup"), [], "nothing of it stays");
  fs.readOnly.push("/sys/fs/cgroup");
  const { verdict, says, remedy } = host.cgroups(fs);
  assertEquals(verdict, "warn");
  assertMatch(says, /version 2, not writable/);
  assertMatch(remedy ?? "", /Delegate=yes/);
  const none = host.cgroups(new FakeCgroupFs());
  assertEquals([none.verdict, none.says.startsWith("none")], ["warn", true]);
});

Deno.test("of a folder that is not there yet the disk it will be on is looked at", async () => {
  const folder = await Deno.makeTempDir();
  const found = await host.disk(`${folder}/not/there/yet`);
  assert(found.every(({ says }) => says.startsWith(folder)), JSON.stringify(found));
  assertEquals([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);
});

Deno.test("logs can be cut in place on this disk, and nothing stays of the try", async () => {
  const folder = await Deno.makeTempDir();
  assertEquals((await host.holes(`${folder}/state`)).verdict, "ok");
  assertEquals([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);
});

Deno.test("few descriptors are a warning, very few a failure, and few processes a warning", () => {
  const limits = (files: string, processes: string) =>
    host.limits(
      `Limit                     Soft Limit           Hard Limit           Units
Max processes             ${processes}             96365                processes
Max open files            ${files}               20000                files
`,
    ).map(({ verdict }) => verdict);
  assertEquals(limits("65536", "unlimited"), ["ok", "ok"]);
  assertEquals(limits("1024", "100"), ["warn", "warn"]);
  assertEquals(limits("64", "4096"), ["fail", "ok"]);
  assertEquals(host.limits(null)[0]?.verdict, "warn");
});

Deno.test("programs that are missing are said, with what does not work without them", async () => {
  assertMatch((await programs.containers(nothing)).says, /neither podman nor docker/);
  assertMatch((await programs.ssh(nothing)).says, /provider ssh does not work/);
  assertEquals((await programs.slurm(nothing)).verdict, "ok");
  assertEquals((await programs.userNamespaces(nothing, 1_000)).verdict, "warn");
});

Deno.test("a name that does not resolve is a warning with what to tell instead", async () => {
  const [here, nowhere] = await programs.names(own, ["localhost", "no-such-host.invalid"]);
  assertEquals([here?.verdict, nowhere?.verdict], ["ok", "warn"]);
  assertMatch(nowhere?.remedy ?? "", /--advertise/);
});

Deno.test("a port that somebody listens on is a warning", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  assertEquals(programs.port(port).verdict, "warn");
  listener.close();
  assertEquals(programs.port(port).verdict, "ok");
  assertEquals(programs.port(0).verdict, "ok");
});

Deno.test("a clock that was never set is a failure", async () => {
  assertEquals((await programs.clock(nothing, Date.UTC(1970, 0, 2))).verdict, "fail");
  assertEquals((await programs.clock(nothing)).verdict, "ok");
});

Deno.test("a token that others can read is a failure, wherever below the folder it lies", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/controller`);
  const token = `${folder}/controller/token`;
  await Deno.writeTextFile(token, "t0ken", { mode: 0o600 });
  assertEquals(programs.secrets(folder).verdict, "ok");
  await Deno.chmod(token, 0o640);
  const found = programs.secrets(folder);
  assertEquals([found.verdict, found.says.includes(token)], ["fail", true]);
  assertEquals(found.says.includes("t0ken"), false);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a check that throws or hangs spoils no other", async () => {
  const clock = new ManualClock();
  const hanging = Promise.withResolvers<never>();
  const running = runChecks([
    { name: "breaks", run: () => Promise.reject(new Error("it broke")) },
    { name: "hangs", run: () => hanging.promise },
    { name: "works", run: () => [{ check: "works", verdict: "ok", says: "so", remedy: "" }] },
  ], clock);
  await clock.advance(60_000);
  const found = await running;
  assertEquals(found.map(({ check, verdict }) => `${check} ${verdict}`), [
    ...["breaks fail", "hangs fail", "works ok"],
  ]);
  assertMatch(found[0]?.says ?? "", /it broke/);
});
