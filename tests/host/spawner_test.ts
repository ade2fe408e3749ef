import { PlainSpawner } from "../../src/host/plain_spawn.ts";
import { PosixSpawner } from "../../src/host/posix_spawn.ts";
import { testSpawner } from "../contracts/spawner.ts";
import { needs } from "../support/require.ts";
import { withoutSubreaper } from "../support/subreaper.ts";

const { ignore } = await needs("glibc", () => Deno.build.os === "linux");
if (!ignore) testSpawner("posix_spawn", () => withoutSubreaper(new PosixSpawner()));
testSpawner("the plain way", () => new PlainSpawner());
