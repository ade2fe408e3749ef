/** Nothing asynchronous starts without an owner, and no wait on the world lacks a deadline. */
import { hasComment, inSrc, rule } from "../rule.ts";

/** Names an owner, for instance `// owner: the loop's run`. */
const OWNER = /\bown(s|ed|er|ers|ing)?\b/i;
/** Synchronous methods that are thrown away with `void` to keep an arrow function short. */
const SYNCHRONOUS = /^(delete|add|set|push|unshift|splice|clear|post|postMessage|abort)$/;
const CONSUMERS = /^(then|catch|finally)$/;

function lastName(call: Deno.lint.Node): string {
  if (call.type !== "CallExpression") return "";
  const callee = call.callee;
  if (callee.type === "Identifier") return callee.name;
  if (callee.type !== "MemberExpression") return "";
  return (callee.property as { name?: string }).name ?? "";
}

/**
 * A promise that nobody awaits. Types are not known here, so a bare call of an async function goes
 * unseen; `void call()` and a bare `.then()`, the two ways to write it on purpose, do not.
 */
export const ownedPromise = rule(
  // lifecycle/ is the machine that owns: its promises are the tree's own steps.
  (place) => inSrc(place) && place.layer !== "lifecycle",
  (input) => {
    const check = (node: Deno.lint.Node, at: Deno.lint.Node) => {
      const discarded = node.type === "UnaryExpression" && node.operator === "void";
      const call = discarded ? node.argument : node;
      if (call.type !== "CallExpression") return;
      const name = lastName(call);
      if (discarded ? SYNCHRONOUS.test(name) : !CONSUMERS.test(name)) return;
      // `.then(result, failure)`: whatever comes of it lands somewhere.
      if (!discarded && name === "then" && call.arguments.length === 2) return;
      if (hasComment(input, at, OWNER)) return;
      input.report(
        at,
        "A promise without an owner: await it, or own it in the tree; where somebody else waits " +
          "for it, name them in a comment (`// owner: ...`).",
      );
    };
    return {
      ExpressionStatement: (node) => check(node.expression, node),
      ReturnStatement(node) {
        if (node.argument?.type === "UnaryExpression") check(node.argument, node);
      },
      ArrowFunctionExpression(node) {
        if (node.body.type === "UnaryExpression") check(node.body, node);
      },
    };
  },
);

/** `fetch` of a name that the file itself declares is another function. */
const OWN_FETCH = /(?:const|let|function)\s+fetch\b|[{(,]\s*fetch\s*[,:})]/;

/** Every wait on the outside world has a deadline. */
export const fetchDeadline = rule(inSrc, (input) => {
  if (OWN_FETCH.test(input.text)) return {};
  return {
    CallExpression(node) {
      if (node.callee.type !== "Identifier" || node.callee.name !== "fetch") return;
      const options = node.arguments[1];
      // Options made elsewhere, or spread, cannot be seen from here.
      if (options !== undefined && options.type !== "ObjectExpression") return;
      const bounded = options?.properties.some((property) =>
        property.type !== "Property" || (property.key as { name?: string }).name === "signal"
      );
      if (bounded !== true) input.report(node, "Give fetch a `signal` that ends at a deadline.");
    },
  };
});
