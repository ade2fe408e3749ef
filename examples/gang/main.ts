/** Submits a gang, and prints what its members computed together. See README.md beside this. */
import { Iris } from "iris/client";
import type { Meeting } from "./task.ts";

const NUMBERS = [1.5, 20, 40];

using iris = await Iris.connect();
const file = decodeURIComponent(new URL("./task.ts", import.meta.url).pathname);
const job = await iris.run({
  ...{ name: "gang", ifExists: "replace", replicas: NUMBERS.length, cpuMilli: 50, retries: 2 },
  ...{ gang: { groupBy: "hostname" }, ports: ["peer"] },
  module: { file, export: "main", args: { numbers: NUMBERS } },
});
let member = 0;
for await (const { mean, rounds } of job.results<Meeting>()) {
  const who = `member ${member++} of ${NUMBERS.length}`;
  console.log(`${who}: the mean of all is ${mean} after ${rounds} rounds`);
}
