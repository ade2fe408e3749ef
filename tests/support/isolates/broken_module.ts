/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: throws while its module loads. */
throw new Error("this module cannot load");
