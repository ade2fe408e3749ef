import { assertEquals, assertMatch } from "@std/assert";
import { systemdUnits } from "../../scripts/compile/units.ts";
import { MODE_FLAGS } from "../../src/cli/flags/shared.ts";
import { MODES } from "../../src/cli/modes/all.ts";
import { hasCommand, needs } from "../support/require.ts";

const SYSTEMD = await needs("systemd-analyze (systemd)", () => hasCommand("systemd-analyze"));

Deno.test("there is a unit for each mode that stays up, and for no other", () => {
  const modes = MODES.map(({ summary }) => /^--mode=([a-z-]+)/.exec(summary)?.[1]);
  assertEquals(
    [...systemdUnits().keys()].sort(),
    modes.map((mode) => `iris-${mode}.service`).sort(),
  );
});

Deno.test("systemd waits as long as a stop may take, and five seconds more", () => {
  assertEquals(MODE_FLAGS.stopTimeout.default, "10s");
  for (const text of systemdUnits().values()) assertMatch(text, /^TimeoutStopSec=15$/m);
});

Deno.test("what outlives a worker or a VM manager is left alone by systemd, all others are ended", () => {
  for (const [name, text] of systemdUnits()) {
    const mode = /worker|vm-manager/.test(name) ? "process" : "mixed";
    assertEquals(text.match(/^KillMode=(.*)$/m)?.[1], mode, name);
    assertEquals(text.match(/^Type=(.*)$/m)?.[1], "exec", name);
  }
});

Deno.test({
  name: "systemd has nothing to say against the units",
  ...SYSTEMD,
  async fn() {
    const folder = Deno.makeTempDirSync();
    try {
      const files: string[] = [];
      for (const [name, text] of systemdUnits()) {
        files.push(`${folder}/${name}`);
        // The file is not installed here.
        Deno.writeTextFileSync(files.at(-1)!, text.replace("/usr/local/bin/iris", "/bin/true"));
      }
      const args = ["verify", "--man=no", ...files];
      const { code, stderr } = await new Deno.Command("systemd-analyze", { args }).output();
      const said = new TextDecoder().decode(stderr).split("\n").filter((line) =>
        line.includes(folder) || line.startsWith("iris-")
      );
      assertEquals([code, said], [0, []]);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
