/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: never yields, from the moment its module loads. */
for (;;);
