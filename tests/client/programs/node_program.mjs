/** The scenario in Node; the controller, the token and what to trust come from the environment. */
import process from "node:process";
import * as library from "iris/client";
import { scenario } from "./scenario.js";

const seen = await scenario(library, { user: "ada" });
const open = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout");
console.log(JSON.stringify({ seen, open, node: process.versions.node }));
