/** Main's end of its channel to a worker's server: tells the live tree when asked. Runs in main. */
import { PortChannel } from "../../lifecycle/channel.ts";
import type { Part, TreeNode } from "../../lifecycle/part.ts";
import type { TreeAnswer, TreeQuestion } from "../../worker/messages.ts";

/** The answerer as a part. `tree` is what the whole process owns now. */
export function treePart(port: MessagePort, tree: () => TreeNode): Part {
  const channel = new PortChannel<TreeQuestion, TreeAnswer>(port);
  return {
    name: "tree",
    kind: "resource",
    start() {
      channel.onMessage(({ id }) => channel.post({ type: "tree", id, tree: tree() }));
    },
    release() {
      channel.close();
    },
  };
}
