import { assertEquals } from "@std/assert";
import { nextUnit, testUnits } from "../../scripts/test_units.ts";

Deno.test("a long file is a unit by itself, short ones go by folder; what is longest begins first", () => {
  const files = [
    "tests/base/ids_test.ts",
    "tests/base/log_test.ts",
    "tests/e2e/vm_test.ts",
    "tests/e2e/stop_matrix_test.ts",
    "tests/sim/fleet/fleet_test.ts",
  ];
  assertEquals(testUnits(files).map((unit) => unit.files), [
    ["tests/e2e/stop_matrix_test.ts"],
    ["tests/sim/fleet/fleet_test.ts"],
    ["tests/e2e/vm_test.ts"],
    ["tests/base/ids_test.ts", "tests/base/log_test.ts"],
  ]);
});

Deno.test("no file is left out, and none runs twice", () => {
  const files = ["tests/a_test.ts", "tests/x/b_test.ts", "tests/x/y/c_test.ts", "src/d_test.ts"];
  assertEquals(testUnits(files).flatMap((unit) => unit.files).toSorted(), files.toSorted());
});

Deno.test("what there is once on a machine is used by one unit at a time", () => {
  const [first, second, other] = testUnits([
    "tests/vm/slurm/slurm_client_test.ts",
    "tests/e2e/slurm_test.ts",
    "tests/e2e/vm_test.ts",
  ]);
  assertEquals([first!.alone, second!.alone, other!.alone], ["slurm", null, "slurm"]);
  assertEquals(nextUnit([other!], new Set([first!])), undefined);
  assertEquals(nextUnit([other!, second!], new Set([first!])), second);
  assertEquals(nextUnit([other!], new Set()), other);
});
