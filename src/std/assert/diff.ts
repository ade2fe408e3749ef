/** Two values for a person to compare. */

/** Both values, one under the other. */
export function inspectDiff(actual: unknown, expected: unknown): string {
  const text = (value: unknown) =>
    Deno.inspect(value, {
      depth: Infinity,
      sorted: true,
      trailingComma: true,
      compact: false,
      iterableLimit: Infinity,
    });
  return `    [Actual]\n${text(actual)}\n    [Expected]\n${text(expected)}`;
}
