/** The rows of `/openapi.json` about tokens. */
import { WHO_AM_I_SCHEMA } from "../wire/tokens.ts";
import type { ApiRoute } from "./api_route.ts";

/** See the head of this file. */
export const TOKEN_ROUTES: readonly ApiRoute[] = [
  {
    ...{ method: "get", path: "/api/v1/whoami", status: 200 },
    summary: "What the token of this call is good for.",
    answer: WHO_AM_I_SCHEMA,
  },
];
