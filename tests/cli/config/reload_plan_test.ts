import { assertEquals } from "@std/assert";
import { checkConfig } from "../../../src/cli/config/config_file.ts";
import { planReload } from "../../../src/cli/config/reload_plan.ts";
import { sections } from "../../../src/cli/modes/all.ts";

function of(text: string) {
  const { file } = checkConfig("iris.yaml", { text, modes: sections() });
  return { groups: file!.groups, section: file!.section("controller") };
}

const group = (name: string, rest = "max: 3", kind = "process") =>
  `  - { name: ${name}, provider: { kind: ${kind} }, vm: { cpu: 1, memory: 1GiB }, ${rest} }\n`;

Deno.test("numbers of a group change at once, and a new group is taken in", () => {
  const plan = planReload(
    of(`groups:\n${group("a")}`),
    of(`groups:\n${group("a", "max: 5, idle: 1m")}${group("b")}`),
  );
  assertEquals(plan.changes, ["group a: changed", "group b: new"]);
  assertEquals(plan.refused, []);
  assertEquals(plan.groups.map(({ group }) => [group.name, group.max]), [["a", 5], ["b", 3]]);
});

Deno.test("a group that is left out is emptied as it gets idle", () => {
  const plan = planReload(of(`groups:\n${group("a")}${group("b")}`), of(`groups:\n${group("b")}`));
  assertEquals(plan.changes, ["group a: its slices go when they are idle"]);
  assertEquals(plan.groups.map(({ group }) => [group.name, group.min, group.max]), [
    ["b", 0, 3],
    ["a", 0, 0],
  ]);
});

Deno.test("what made the VMs of a group, and the flags of the mode, need a new start", () => {
  const plan = planReload(
    of(`controller: { port: 1 }\ngroups:\n${group("a")}${group("b")}`),
    of(
      `controller: { port: 2 }\ngroups:\n${group("a", "max: 3", "fake")}` +
        group("b", "max: 3, sliceVms: 2"),
    ),
  );
  assertEquals(plan.changes, []);
  assertEquals(plan.refused, [
    "port takes effect at the next start",
    "group a: the kind of provider of a group cannot change; give it another name",
    "group b: sliceVms of a group cannot change; give it another name",
  ]);
  assertEquals(plan.groups.map(({ provider }) => provider.kind), ["process", "process"]);
});
