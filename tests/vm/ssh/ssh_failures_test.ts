import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { inGate, needs } from "../../support/require.ts";
import { canHaveSshHosts } from "../../support/ssh/ssh_hosts.ts";
import { OBEDIENT, sshTest, stubProgram } from "../../support/ssh/ssh_world.ts";

const need = inGate(await needs("OpenSSH and namespaces (openssh-server)", canHaveSshHosts));
const HOUR = "sleep 3600";

sshTest("a key that the host does not know fails the VM, with host, phase and why", {
  need,
}, async (stage, { hosts }) => {
  const other = `${hosts.dir}/other`;
  await new Deno.Command("ssh-keygen", { args: ["-q", "-t", "ed25519", "-N", "", "-f", other] })
    .output();
  const provider = await stage.provider({ identityFile: other });
  const reason = await stage.gone(await stage.create(provider));
  assertMatch(reason, /^failed root@10\.78\.\S+: connecting: permission denied \(publickey.*key/);
});

sshTest("a host key that nobody knows is refused where they are strict", {
  need,
}, async (stage) => {
  const provider = await stage.provider({ hostKeys: "strict" });
  const reason = await stage.gone(await stage.create(provider));
  assertMatch(reason, /^failed root@\S+: connecting: its host key is not known: .*accept-new/);
});

sshTest("a host key that is another one than before is refused, and said so", {
  need,
}, async (stage, { hosts }) => {
  const [, other] = (await Deno.readTextFile(`${hosts.dir}/key.pub`)).split(" ");
  const { address } = hosts.hosts[0]!;
  await Deno.writeTextFile(hosts.knownHostsFile, `${address} ssh-ed25519 ${other}\n`);
  const reason = await stage.gone(await stage.create(await stage.provider()));
  assertMatch(reason, /^failed root@\S+: connecting: its host key has changed/);
});

sshTest("a name that resolves to nothing fails the VM at once", { need }, async (stage) => {
  // No resolver is asked for a label of more than 63 characters.
  const host = `${"x".repeat(70)}.invalid`;
  const provider = await stage.provider({ hosts: [{ host, port: null, user: null }] });
  const reason = await stage.gone(await stage.create(provider));
  assertMatch(
    reason,
    /^failed x+\.invalid: connecting: the name x+\.invalid resolves to no address/,
  );
});

sshTest("a connection that is refused is tried again, and in the end fails the VM", {
  need,
  timing: { tries: 3 },
}, async (stage, { hosts }) => {
  const { address: host } = hosts.hosts[0]!;
  const provider = await stage.provider({ hosts: [{ host, port: 1, user: "root" }] });
  const reason = await stage.gone(await stage.create(provider));
  assertMatch(reason, /^failed root@\S+:1: connecting: connection refused$/);
  assert(stage.heard.phases.filter((line) => line.includes("refused")).length >= 3);
});

sshTest("a host that comes up late is waited for", { need, timing: { tries: 40 } }, async (
  stage,
  { hosts },
) => {
  const [host] = hosts.hosts;
  await host!.crash();
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/connection refused/);
  await host!.boot();
  await stage.world.workerUp(vm);
  await stage.delete(provider, vm);
});

sshTest("a megabyte of banner ends in one line", { need, timing: { tries: 1 } }, async (stage) => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.write(new TextEncoder().encode("x".repeat(1_000_000))).catch(() => {});
      connection.close();
    }
  })();
  const provider = await stage.provider({ hosts: [{ host: "127.0.0.1", port, user: null }] });
  const reason = await stage.gone(await stage.create(provider));
  listener.close();
  await serving;
  assertMatch(reason, /^failed 127\.0\.0\.1:\d+: connecting: [^\n]{5,200}$/);
  assert(stage.heard.lines.join("").length < 10_000);
});

sshTest("a megabyte of greetings, before and behind the key, does no harm", {
  need,
  sshd: ["Banner /proc/self/root/tmp/no-such-file", "ForceCommand seq 150000; exec /bin/sh"],
}, async (stage, world) => {
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await world.workerUp(vm);
  await stage.delete(provider, vm);
  assert(stage.heard.lines.join("").length < 10_000);
});

const HANGS: readonly {
  phase: string;
  sshd?: string[];
  commands?: Record<string, string>;
}[] = [
  { phase: "connecting", sshd: [`ForceCommand ${HOUR}`] },
  { phase: "probing", commands: { "/usr/bin/uname": HOUR } },
  { phase: "copying", commands: { "/usr/bin/chmod": HOUR } },
  { phase: "starting", commands: { "/usr/bin/nohup": HOUR, "/usr/bin/setsid": HOUR } },
];

for (const { phase, ...more } of HANGS) {
  sshTest(`a host that hangs while ${phase} fails the VM by a deadline`, {
    ...{ need, timing: { phaseMs: 1_000, tries: 2, cleanMs: 20_000 }, ...more },
    config: { connectTimeoutMs: 1_000 },
  }, async (stage, world) => {
    const reason = await stage.gone(await stage.create(await stage.provider()));
    assertMatch(reason, new RegExp(`^failed root@\\S+: ${phase}: no answer within \\d+ ms$`));
    assertEquals(world.hosts.left().filter((line) => line.includes("folder")), []);
    // What hangs there is not ours to end, but its connection is gone.
    for (const pid of world.hosts.hosts[0]!.pids()) Deno.kill(pid, "SIGKILL");
  });
}

sshTest("servers that stand still are given up and tried again; a worker that runs is not", {
  need,
  timing: { phaseMs: 1_000, tries: 50 },
  config: { connectTimeoutMs: 1_000 },
}, async (stage, world) => {
  const [host] = world.hosts.hosts;
  host!.freeze();
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/connecting \(.*no answer in time|connecting \(.*no answer within/);
  host!.thaw();
  await world.workerUp(vm);
  await stage.said(/g-0 running/);
  host!.freeze();
  await stage.said(/running \(no answer within 1000 ms\)/);
  host!.thaw();
  await stage.said(/reconnecting/);
  assertEquals(stage.heard.count(vm, ["gone", "failed"]), 0);
  host!.freeze();
  provider.delete({ slice: vm, vms: [vm], externalId: null, stopMs: 0, reason: "test" });
  await stage.said(/stopping \(no answer|reconnecting \(.*no answer|connecting \(.*no answer/);
  host!.thaw();
  assertMatch(await stage.gone(vm), /^gone test$/);
});

sshTest("a host whose disk is full is told before anything is copied", {
  need,
  tmpfs: "2m",
}, async (stage, world) => {
  stubProgram(world, `${OBEDIENT}\n#${"x".repeat(3_000_000)}`);
  const reason = await stage.gone(await stage.create(await stage.provider()));
  assertMatch(
    reason,
    /^failed root@\S+: copying: its disk is full: \d+ MB are needed, 2\.0 MB are free$/,
  );
});

sshTest("a disk that fills up while the program comes leaves no half of it", {
  need,
  tmpfs: "2m",
  commands: { "/usr/bin/df": "echo; echo x 1 1 99999999 1" },
}, async (stage, world) => {
  stubProgram(world, `${OBEDIENT}\n#${"x".repeat(3_000_000)}`);
  const reason = await stage.gone(await stage.create(await stage.provider()));
  assertMatch(reason, /^failed root@\S+: copying: .*No space left on device/);
});

sshTest("tools that the program needs and the host lacks are named", {
  need,
  commands: { "/usr/bin/tar": null, "/usr/bin/gzip": null },
}, async (stage) => {
  const reason = await stage.gone(await stage.create(await stage.provider()));
  assertMatch(reason, /^failed root@\S+: probing: it has no tar and gzip, which the program needs/);
});

sshTest("a host of an architecture that there is no program for says which it is", {
  need,
  commands: { "/usr/bin/uname": "[ $1 = -s ] && echo Linux || echo riscv64" },
}, async (stage) => {
  const reason = await stage.gone(await stage.create(await stage.provider()));
  assertMatch(
    reason,
    /^failed root@\S+: probing: there is no program for its architecture, riscv64$/,
  );
});

sshTest("a host without sha256sum has the program checked another way", {
  need,
  commands: { "/usr/bin/sha256sum": null },
}, async (stage, world) => {
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await world.workerUp(vm);
  await stage.delete(provider, vm);
});

sshTest("a host that passes no ports on says so, where a tunnel is needed", {
  need,
  sshd: ["AllowTcpForwarding no"],
  timing: { tries: 2 },
  launch: { isLoopback: true },
}, async (stage) => {
  const reason = await stage.gone(await stage.create(await stage.provider()));
  assertMatch(reason, /^failed root@\S+: connecting: port \d+ of the host .*AllowTcpForwarding/);
});

sshTest("a key file that others can read is warned of, and ssh's refusal says what to do", {
  need,
}, async (stage, { hosts }) => {
  await Deno.chmod(hosts.identityFile, 0o644);
  const vm = await stage.create(await stage.provider());
  await stage.said(/g-0: identityFile \S+ has mode 0644, .*chmod 600/);
  assertMatch(
    await stage.gone(vm),
    /^failed .*connecting: the key file can be read by others.*600/,
  );
});

sshTest("files of the configuration that are not there are named by their field", {
  need,
}, async (stage) => {
  for (const field of ["identityFile", "configFile"] as const) {
    const error = await assertRejects(() => stage.provider({ [field]: "/nowhere" }), IrisError);
    assertEquals([error.code, error.field], ["invalid", field]);
  }
});

sshTest("a third slice on two hosts is refused for want of quota", {
  need,
  count: 2,
}, async (stage) => {
  const provider = await stage.provider();
  for (const number of [0, 1]) await stage.create(provider, number);
  const error = await assertRejects(() => stage.create(provider, 2), IrisError);
  assertEquals([error.code, error.message], ["quota", "all 2 hosts are in use"]);
  await stage.delete(provider, "g-0");
  await stage.create(provider, 2);
  for (const vm of ["g-1", "g-2"]) await stage.delete(provider, vm);
});
