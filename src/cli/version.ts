/** Which Iris this is. */
import config from "../../deno.json" with { type: "json" };

/** The version of this binary. */
export const VERSION: string = config.version;
