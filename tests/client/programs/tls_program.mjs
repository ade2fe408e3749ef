/** TLS with a certificate of one's own in Node: trusted by `caFile`, and refused without it. */
import process from "node:process";
import { Iris } from "iris/client";

const [caFile] = process.argv.slice(2);
const refused = await Iris.connect({ giveUpMs: 0 }).catch(({ code, message }) => [code, message]);
const iris = await Iris.connect({ caFile });
const job = await iris.submit({ argv: ["true"], name: "waits" });
const events = [];
for await (const { kind } of job.events()) {
  events.push(kind);
  if (kind === "job_submitted") await job.stop();
}
iris.close();
console.log(JSON.stringify({ refused, events, state: job.view.state }));
