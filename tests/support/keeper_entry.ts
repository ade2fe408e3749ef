/** A keeper without the command line around it: the program of `keeper_world.ts`. */
import { type KeeperMainOptions, runKeeper } from "../../src/worker/keeper/keeper_main.ts";

Deno.exitCode = await runKeeper(JSON.parse(Deno.args[0] ?? "") as KeeperMainOptions);
