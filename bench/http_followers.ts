/**
 * So many followers of one log, as a process of its own: reads what comes, and takes each line for the
 * time at which it was written, in ms. Prints how long lines took to get to all of them when the log
 * has ended: `{ followers, lines, p50, p99, cores }`. Started by the bench of HTTP.
 */
import { cpuUsage } from "node:process";
import { followRaw } from "../tests/support/log_readers.ts";

const [url = "", token = "", name = "", count = "1"] = Deno.args;

const latencies: number[] = [];
const readers = [];
for (let n = 0; n < Number(count); n++) readers.push(await followRaw(url, { token, name }));
console.log("ready");
const from = performance.now();
const before = cpuUsage();
await Promise.all(readers.map(async (reader) => {
  let lines = 0;
  await reader.rest(({ data }) => {
    const nowMs = Date.now();
    for (const line of atob(data).split("\n").filter((line) => line.length === 13)) {
      // The first lines were there before all followers were.
      if (lines++ > 0) latencies.push(nowMs - Number(line));
    }
  });
  reader.close();
}));
const { user, system } = cpuUsage(before);
const cores = (user + system) / 1e3 / (performance.now() - from);
latencies.sort((a, b) => a - b);
const at = (share: number) => latencies[Math.round((latencies.length - 1) * share)] ?? NaN;
console.log(
  JSON.stringify({
    followers: readers.length,
    lines: latencies.length,
    p50: at(0.5),
    p99: at(0.99),
    cores,
  }),
);
