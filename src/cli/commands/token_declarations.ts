/** `token create|list|revoke|rotate` and `whoami`, as declarations. */
import { IrisError } from "../../base/errors.ts";
import { BUILT_IN_TOKENS, TOKEN_ROLES } from "../../wire/token_roles.ts";
import { type CliContext, connect } from "../context.ts";
import { command } from "../flags/command.ts";
import { parseChoice, parseDuration } from "../flags/quantities.ts";
import { flagText, JSON_FLAG, TARGET_FLAGS } from "../flags/shared.ts";

// What commands do is loaded when one is called: a short command loads little.
const tokens = () => import("./token_commands.ts");

const ROLE_FLAG = {
  kind: "value",
  parse: parseChoice(TOKEN_ROLES),
  value: "ROLE",
  help: `what it is good for: ${TOKEN_ROLES.join(", ")}`,
  default: "user",
} as const;

const tokenCreate = command({
  path: ["token", "create"],
  summary: "Give out a token, to a user, a viewer or a machine; it is shown this once.",
  flags: {
    user: flagText("NAME", "whose it is: the first part of the names of that user's jobs"),
    role: ROLE_FLAG,
    expires: {
      kind: "value",
      parse: parseDuration,
      value: "TIME",
      help: "good for so long; until it is revoked when left out",
    },
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  example: "iris token create --user ada --role user --expires 30d >ada.token",
  async run(context: CliContext, { values: { user, role, expires, json, ...target } }) {
    if (user === undefined) {
      throw new IrisError("usage", "--user is needed: whose token it is", { field: "--user" });
    }
    const client = await connect(context, target);
    return (await tokens()).createToken(context, client, { user, role, expires, json });
  },
});

const tokenList = command({
  path: ["token", "list"],
  summary: "List the tokens that were given out.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  example: "iris token list",
  run: async (context: CliContext, { values }) =>
    (await tokens()).listTokens(context, await connect(context, values), values),
});

const tokenRevoke = command({
  path: ["token", "revoke"],
  summary: "Take a token back, with the browser sessions that were opened with it.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["ID"],
  example: "iris token revoke 3f9a1c0b77d2",
  run: async (context: CliContext, { values: { json, ...target }, operands }) =>
    (await tokens()).revokeToken(context, await connect(context, target), {
      ...{ id: operands[0]!, json },
    }),
});

const tokenRotate = command({
  path: ["token", "rotate"],
  summary: "Put a new token in the place of the cluster's own: that of `admin` or of `worker`.",
  flags: {
    grace: {
      kind: "value",
      parse: parseDuration,
      value: "TIME",
      help: "workers may show the one of before for so long",
      default: "1h",
    },
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  operands: ["WHICH"],
  example: "iris token rotate worker --grace 2h",
  async run(context: CliContext, { values: { grace, json, ...target }, operands }) {
    const which = parseChoice(BUILT_IN_TOKENS)(operands[0]!, "WHICH");
    const client = await connect(context, target);
    return (await tokens()).rotateToken(context, client, { which, graceMs: grace, json });
  },
});

const whoami = command({
  path: ["whoami"],
  summary: "Say whose token this is, and what it is good for.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  example: "iris whoami --token-file ada.token",
  run: async (context: CliContext, { values }) =>
    (await tokens()).whoAmI(context, await connect(context, values), values),
});

/** What can be done about tokens. */
export const TOKEN_COMMANDS = [tokenCreate, tokenList, tokenRevoke, tokenRotate, whoami] as const;
