import { createHmac } from "node:crypto";
import { assertEquals } from "@std/assert";
import { claimedGeneration, taskToken } from "../../src/wire/task_token.ts";

Deno.test("a task's token is the HMAC of its job under the controller's secret", () => {
  for (const secret of ["", "s", "long ".repeat(40)]) {
    const mac = createHmac("sha256", secret).update("12 /ann/säge").digest("hex");
    const token = taskToken(secret, { generation: 12, job: "/ann/säge" });
    assertEquals(token, `task.12.${mac}`);
    assertEquals(claimedGeneration(token), 12);
  }
});
