/** The one entry of every role: the command line decides what this process is. */
import { run } from "./src/cli/main.ts";

Deno.exitCode = await run(Deno.args);
