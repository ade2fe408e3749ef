/** Amounts of bytes for people. */

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] as const;

/** `value/max UNIT` in the largest unit of which `max` has at least one, KiB at the least. */
export function formatUnitFraction(value: number, max: number): string {
  let size = 2 ** 10;
  let at = 0;
  while (at < UNITS.length - 1 && max >= size * 2 ** 10) {
    size *= 2 ** 10;
    at++;
  }
  return `${(value / size).toFixed(2)}/${(max / size).toFixed(2)} ${UNITS[at]}`;
}
