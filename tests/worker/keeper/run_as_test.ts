import { assertEquals, assertMatch } from "@std/assert";
import { findUser } from "../../../src/host/user.ts";
import type { KeeperSpec } from "../../../src/worker/keeper_link.ts";
import { FactLog } from "../../support/fact_log.ts";
import { KeeperWorld, shellSpec } from "../../support/keeper_world.ts";
import { NEEDS_ROOT } from "../../support/limits.ts";

const ROOM = { cpuMilli: 1e6, memoryBytes: 1e12, maxRunning: 100 };

/** Runs one attempt as nobody, in folders that nobody may pass. */
async function runAsNobody(
  script: string,
  more: (world: KeeperWorld) => Partial<KeeperSpec> = () => ({}),
) {
  await using world = new KeeperWorld();
  const { dir } = world.world;
  for (const path of [dir.slice(0, dir.lastIndexOf("/")), dir, world.folder]) {
    if (path !== "/tmp") Deno.chmodSync(path, 0o711);
  }
  await world.start({ runAs: findUser("nobody", "--run-as") });
  const link = await world.connect();
  link.capacity(ROOM);
  const log = new FactLog(link);
  link.spec(shellSpec(script, more(world)));
  link.start([[1, 0, 1, 0]]);
  const end = await log.end("1.0.0");
  const started = log.started.get("1.0.0")!;
  const read = (kind: "out" | "err") =>
    Deno.readTextFileSync(`${world.folder}/logs/${started.slot}.${started.rotation}.${kind}`);
  return { end, out: read("out"), err: read("err"), folder: world.folder };
}

function asNobody(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ...NEEDS_ROOT, fn });
}

asNobody("a task runs with the rights of another user, and no group but one", async () => {
  const { end, out, folder } = await runAsNobody(
    "id -u; id -G; pwd; echo mine > file; stat -c %U file .",
  );
  assertEquals([end.cause, end.code], ["exit", 0], end.detail ?? "");
  assertEquals(out.split("\n").slice(0, -1), [
    ...["65534", "65534", `${folder}/work`, "nobody", "nobody"],
  ]);
});

asNobody("a task of another user writes its output, and reads nobody else's", async () => {
  const script =
    "echo out; echo err >&2; cd ..; ls logs; cat journal; cat logs/0.0.out; ls .; exit 3";
  const { end, out, err } = await runAsNobody(script);
  assertEquals([end.cause, end.code, out], ["exit", 3, "out\n"]);
  assertEquals(err.match(/Permission denied/g)?.length, 4, err);
});

asNobody("a program that the user may not execute is a launch error that names both", async () => {
  const program = (world: KeeperWorld) => {
    const path = `${world.world.dir}/tool`;
    Deno.writeTextFileSync(path, "#!/bin/sh\n", { mode: 0o700 });
    return { argv: [path] };
  };
  const { end } = await runAsNobody("", program);
  assertEquals([end.cause, end.code], ["launch_error", 127]);
  assertMatch(end.detail ?? "", /^Cannot start .*tool as nobody: .*Permission denied$/);
});

asNobody("a task of another user is ended like any other", async () => {
  const { end } = await runAsNobody("exec sleep 60", () => ({ timeoutMs: 300, graceMs: 200 }));
  assertEquals([end.cause, end.leftovers], ["timeout", []]);
});
