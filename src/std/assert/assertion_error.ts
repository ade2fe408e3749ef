/** The error of a failed assertion. */

/** Thrown by every assertion that does not hold. */
export class AssertionError extends Error {
  /**
   * @param message what was expected and what was found
   * @param options may carry the `cause`
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}
