/** Bugs to plant into what makes and unmakes VMs: `fleet_mutants_test.ts` has each of them found. */
import type { Mutant } from "../mutants.ts";

/** Every bug. */
export const FLEET_MUTANTS: readonly Mutant[] = [
  {
    name: "slices that are on their way are not counted",
    file: "src/vm/managed_group.ts",
    from: "    const live = slices.all().filter((slice) => slice.isLive);\n",
    to:
      "    const live = slices.all().filter((slice) => slice.isLive && slice.readyAtMs !== null);\n",
    finds: /its most is|never had work/,
    faults: [],
  },
  {
    name: "a slice is asked for before it is written down",
    file: "src/vm/group_slices.ts",
    from: "      book.intent({ ...row, group: config.group.name }, names.upcoming(config));\n",
    to: "",
    finds: /is asked for and not written down/,
    faults: [],
  },
  {
    name: "a slice is forgotten when it is asked to go",
    file: "src/vm/group_slices.ts",
    from: '      book.note({ type: "stopping", slice: slice.slice, reason: state.reason });\n',
    to: '      book.note({ type: "removed", slice: slice.slice });\n',
    finds: /nobody wrote it down|not written down|does not say so/,
    faults: ["managerDies", "hang"],
  },
  {
    name: "workers of a slice that goes get work again",
    file: "src/autoscaler/decide.ts",
    from: "[...plans.flatMap(({ doomed }) => doomed), ",
    to: "[",
    finds: /is deleted while \d+ tasks run there|work is given/,
    faults: [],
  },
  {
    name: "busy slices are given back",
    file: "src/autoscaler/group_plan.ts",
    from:
      "      if (vms.some(({ vm }) => (workers.get(vm)?.held ?? 0) > 0)) this.#needed.add(slice);\n",
    to: "",
    finds: /is deleted while|never had work/,
    faults: [],
  },
  {
    name: "idle slices stay",
    file: "src/autoscaler/group_plan.ts",
    from: "goesInMs: Math.max(0, this.group.idleMs - idleMs)",
    to: "goesInMs: this.group.idleMs",
    finds: /nothing to do/,
    faults: [],
  },
  {
    name: "twice as much is asked for as is needed",
    file: "src/autoscaler/decide.ts",
    from: "Math.min(plan.room, Math.max(1, Math.ceil(left / each)))",
    to: "Math.min(plan.room, 8 * Math.max(1, Math.ceil(left / each)))",
    finds: /VM-hours|never had work/,
    faults: [],
  },
  {
    name: "what is on its way is asked for again",
    file: "src/autoscaler/decide.ts",
    from: "  const coming = plans.flatMap((plan) => plan.comingRooms());\n",
    to: "  const coming: WorkerRoom[] = [];\n",
    finds: /VM-hours|never had work|changes direction|slices are made in an hour/,
    faults: [],
  },
  {
    name: "idle slices go at once",
    file: "src/autoscaler/group_plan.ts",
    from: "goesInMs: Math.max(0, this.group.idleMs - idleMs)",
    to: "goesInMs: 0",
    finds: /changes direction|slices are made in an hour|never had work/,
    faults: [],
  },
  {
    name: "want of quota is never over",
    file: "src/vm/pace.ts",
    from: "    this.#quota = { untilMs: nowMs + QUOTA_MS, reason };\n",
    to: "    this.#quota = { untilMs: nowMs + 1e9, reason };\n",
    finds: /waited for to the end/,
    faults: ["quota"],
  },
  {
    name: "time alone makes nothing available",
    file: "src/vm/managed_group.ts",
    from: "    this.#lookAtPace();\n",
    to: "",
    finds: /nothing to do|waited for to the end/,
    faults: ["failsBoot", "refuses", "quota"],
  },
  {
    name: "a worker that nobody knows any more is well",
    file: "src/vm/managed_group.ts",
    from: "      if (heard) this.#missMissing(slice, sinceMs);\n",
    to: "",
    finds: /nothing to do|waited for to the end/,
    faults: ["controllerForgets"],
  },
];
