/** Where a browser goes after a login. Pure. */

/** A path of this server; anything else is its root. */
export function nextIn(given: string | undefined): string {
  if (given === undefined || !/^\/(?![/\\])[\x21-\x7e]{0,1000}$/.test(given)) return "/";
  return given.includes("\\") ? "/" : given;
}
