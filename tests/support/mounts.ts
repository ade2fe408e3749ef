/** Mount namespaces, in which tests have disks of their own. */

/** Whether one can be made, and something be mounted in it: by root, with `unshare` of util-linux. */
export async function canMount(): Promise<boolean> {
  const { success } = await new Deno.Command("unshare", {
    args: ["-m", "mount", "-t", "tmpfs", "-o", "size=1m", "iris-probe", "/mnt"],
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}
