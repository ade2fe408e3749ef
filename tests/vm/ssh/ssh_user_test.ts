/** Hosts that are reached as a user who is not root there, and hosts of another architecture. */
import { assertEquals, assertMatch } from "@std/assert";
import { compileIris } from "../../../scripts/compile.ts";
import { ROOT } from "../../../scripts/lint/place.ts";
import { providerContract } from "../../contracts/vm_provider.ts";
import { inGate, needs } from "../../support/require.ts";
import { canHaveSshHosts, until } from "../../support/ssh/ssh_hosts.ts";
import {
  makeSshWorld,
  OBEDIENT,
  SshStage,
  sshTest,
  stubFile,
  stubProgram,
  workersOn,
} from "../../support/ssh/ssh_world.ts";

const need = inGate(await needs("OpenSSH and namespaces (openssh-server)", canHaveSshHosts));
const UID = 47_110;

function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
}

providerContract({
  name: "ssh, as a user who is not root",
  need,
  slowMs: 60_000,
  world: async () => {
    const world = await makeSshWorld({ count: 2, sliceVms: 2, asUser: true });
    stubProgram(world, OBEDIENT);
    return world;
  },
});

sshTest("a user who is not root has all of it in the home, and leaves nothing there", {
  need,
  asUser: true,
  config: { folder: null },
}, async (stage, world) => {
  const { file } = await compileIris({ kind: "self-extracting", out: `${ROOT}/dist/.test` });
  world.program = file;
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0 running/);
  const [host] = world.hosts.hosts;
  const keepers = host!.pids().filter((pid) =>
    Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").includes("keeper")
  );
  const [worker = 0] = workersOn(world.hosts, vm);
  assertEquals([worker, ...keepers].map(uidOf), [UID, UID]);
  const folder = `${host!.folder}/.iris/vms/c1/${vm}`;
  for (const [path, mode] of [[folder, 0o700], [`${folder}/token`, 0o600]] as const) {
    const info = Deno.statSync(path);
    assertEquals([info.uid, info.mode! & 0o777], [UID, mode], path);
  }
  // A crash: what the worker left is ended by the program itself, with the rights of the user.
  Deno.kill(worker, "SIGKILL");
  assertMatch(await stage.gone(vm), /^gone iris-guest@\S+: running: the worker ended/);
  assertEquals(await world.hosts.stays(), []);
});

sshTest("a connection of a user who is not root is taken over with its ports", {
  need,
  asUser: true,
  launch: { isLoopback: true },
  timing: { phaseMs: 1_500 },
  config: { connectTimeoutMs: 1_500 },
}, async (stage, world) => {
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0 running/);
  const [host] = world.hosts.hosts;
  const before = workersOn(world.hosts, vm);
  // The host never hears that its client has gone: its server goes on holding the ports.
  const held = host!.sessions();
  await host!.cut();
  await stage.said(/running \(/);
  await host!.mend();
  await until("another connection watches", () => {
    const now = host!.sessions();
    return Promise.resolve(now.length > 0 && now.every((pid) => !held.includes(pid)));
  }, 30_000);
  assertEquals(workersOn(world.hosts, vm), before);
  assertEquals(stage.heard.count(vm, ["gone", "failed"]), 0);
  await stage.delete(provider, vm);
});

sshTest("a host of another architecture gets the program for that", {
  need,
  count: 1,
  commands: { "/usr/bin/uname": "[ $1 = -s ] && echo Linux || echo riscv64" },
}, async (stage, world) => {
  world.otherPrograms.set("riscv64", stubFile(world, `echo "for riscv64"\n${OBEDIENT}`));
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0: for riscv64/);
  await stage.said(/g-0 running/);
  await stage.delete(provider, vm);
});

sshTest("what an earlier boot noted of a connection is nobody's any more", { need }, async (
  stage,
  world,
) => {
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0 running/);
  const [host] = world.hosts.hosts;
  // After a reboot the same pid may have begun as long after the boot: the note fits another process.
  const [worker = 0] = workersOn(world.hosts, vm);
  const note = Deno.readTextFileSync(`${host!.folder}/vms/c1/${vm}/shell`).trim().split(" ");
  assertEquals(note.length, 5);
  const there = (pid: number) => {
    const line = /^NSpid:.*\s(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return [line![1], stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]];
  };
  await stage.leave();
  const fits = there(worker);
  const earlier = [...fits, ...fits, crypto.randomUUID()].join(" ");
  Deno.writeTextFileSync(`${host!.folder}/vms/c1/${vm}/shell`, `${earlier}\n`);
  const second = new SshStage(world);
  const next = await second.provider();
  const [found] = await next.existing(AbortSignal.timeout(30_000));
  await second.said(/g-0 running/);
  assertEquals(workersOn(world.hosts, vm), [worker]);
  next.delete({ ...found!, stopMs: 1_000, reason: "test" });
  assertEquals(await second.gone(vm), "gone test");
  await second.leave();
});
