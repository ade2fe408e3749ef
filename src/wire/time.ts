/** Points in time as callers write them. Pure. */

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** RFC 3339, or whole ms since the Unix epoch, as ms; null for anything else. */
export function parseTime(text: string): number | null {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const ms = RFC3339.test(text) ? Date.parse(text.replace(" ", "T")) : NaN;
  return ms >= 0 ? ms : null;
}
