import { type Cell, cellName, runCell, type StopWay } from "./stop_cell.ts";
import { TASK_KINDS } from "./task_kinds.ts";

const WAYS: readonly StopWay[] = [
  "SIGTERM",
  "cluster stop",
  "Ctrl-C once",
  "Ctrl-C twice",
  "Ctrl-C three times",
];

/** Every kind and all mixed, by every way, with and without cgroups; npx with the mix only. */
function fullMatrix(): Cell[] {
  const cells: Cell[] = [];
  for (const cgroups of ["auto", "off"] as const) {
    for (const kind of [...TASK_KINDS, null]) {
      for (const way of WAYS) cells.push({ kind, way, cgroups });
    }
    cells.push({ kind: null, way: "Ctrl-C through npx", cgroups });
  }
  return cells;
}

/** A dozen cells for every day: each kind once, each way at least once. */
function dailyCells(): Cell[] {
  const cells: Cell[] = TASK_KINDS.map((kind, at) => ({
    kind,
    way: WAYS[at % WAYS.length] ?? "SIGTERM",
    cgroups: at % 2 === 0 ? "auto" : "off",
  }));
  return [
    ...cells,
    { kind: null, way: "SIGTERM", cgroups: "auto" },
    { kind: null, way: "cluster stop", cgroups: "off" },
    { kind: null, way: "Ctrl-C through npx", cgroups: "off" },
  ];
}

const cells = Deno.env.get("IRIS_FULL") === "1" ? fullMatrix() : dailyCells();
for (const cell of cells) Deno.test(cellName(cell), () => runCell(cell));
