/**
 * What is said to a host's shell: POSIX shell text, for a host that has nothing but that. Pure.
 *
 * Lines of an answer that begin with `@` are facts, the rest is for people. On the host a VM is a
 * folder, `vms/CLUSTER/VM`: `label` says whose it is, `shell` which shell of ours speaks for it now,
 * `pid` which process is its worker (both with start time and boot: pids are used again), `program` what
 * that was started with, `worker.log` what it says.
 */

/** A word for the shell, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Where things are on a host, as shell words; `$F` is the folder, `$C` the cluster's, `$V` the VM's. */
export interface RemotePlace {
  /** Below the user's home, unless it is absolute; null for `.iris` there. */
  readonly folder: string | null;
  readonly cluster: string;
  /** Null when a session is about the whole host. */
  readonly vm: string | null;
}

/** A folder that is not absolute is below the user's home, as is one that says so. */
function folderWord(folder: string | null): string {
  return folder === null ? ".iris" : folder.replace(/^~\//, "");
}

/** What every session begins with: names and functions. */
export function preludeScript({ folder, cluster, vm }: RemotePlace): string {
  return `umask 077
LC_ALL=C; export LC_ALL
F=${quoted(folderWord(folder))}
case $F in /*) ;; *) F=$HOME/$F;; esac
C="$F/vms/"${quoted(cluster)}
V=${vm === null ? "" : `"$C/"${quoted(vm)}`}
BOOT=unknown; read -r BOOT 2>/dev/null </proc/sys/kernel/random/boot_id
startof() {
  st=; read -r st 2>/dev/null <"/proc/$1/stat" || return 1
  st=\${st##*) }; set -f; set -- $st; set +f
  [ "$1" != Z ] || return 1
  echo "\${20}"
}
same() { [ "\${1:-0}" -gt 1 ] 2>/dev/null && [ "$(startof "$1")" = "$2" ]; }
worker() {
  p=; s=; b=; read -r p s b 2>/dev/null <"$V/pid"
  [ -n "$b" ] && [ "$b" = "$BOOT" ] && same "$p" "$s"
}
# The shell that speaks for the VM, and the server's process of its connection: none of an earlier boot.
speaker() {
  p=; s=; q=; t=; b=; read -r p s q t b 2>/dev/null <"$V/shell"
  if [ "\${b:-$BOOT}" != "$BOOT" ]; then p=; s=; q=; t=; fi
}
nap() { sleep 0.1 2>/dev/null || sleep 1; }`;
}

/**
 * Makes this shell the one that speaks for the VM: an earlier one that still does is ended, with the
 * server's process that holds its connection and the ports that it passes on. Nothing that was said
 * to it can happen after this.
 */
export const TAKE_OVER = `mkdir -p "$V" || exit 1
me() { startof $$; }
server() {
  up=$PPID; n=0
  while [ "$n" -lt 3 ] && [ "\${up:-0}" -gt 1 ]; do
    name=; read -r name 2>/dev/null <"/proc/$up/comm"
    case $name in sshd*) echo "$up $(startof "$up")"; return;; esac
    st=; read -r st 2>/dev/null <"/proc/$up/stat"; st=\${st##*) }; set -- $st; up=$2; n=$((n+1))
  done
  echo "0 0"
}
speaker
if [ "\${p:-$$}" != $$ ]; then
  if same "$q" "$t"; then kill -9 "$q" 2>/dev/null; fi
  if same "$p" "$s"; then kill -9 "$p" 2>/dev/null; fi
  n=0; while same "$p" "$s" && [ "$n" -lt 50 ]; do nap; n=$((n+1)); done
  if same "$p" "$s"; then echo "an earlier shell (pid $p) does not end"; exit 1; fi
fi
echo "$$ $(me) $(server) $BOOT" >"$V/shell.$$" && mv -f "$V/shell.$$" "$V/shell" || exit 1`;

/**
 * What a shell that ends does, if it is the one that speaks for the VM: a folder that never became a
 * VM goes, and a connection that passes ports on ends, also when whoever made it is gone and others
 * still use it. To be said to the shell itself, not below it.
 */
export function exitTrap(hasForwards: boolean): string {
  const leave = hasForwards ? ' if same "$q" "$t"; then kill "$q"; fi;' : "";
  // Nobody hears it any more: that alone ends it not, or the other trap would not be sprung. One that
  // is set, not ignored, is not handed down.
  return `trap : PIPE; trap 'speaker; if [ "$p" = $$ ]; then` +
    ` if [ ! -e "$V/label" ]; then rm -f "$V/shell"; rmdir "$V" "$C" 2>/dev/null; fi;${leave} fi' EXIT`;
}

/** What the host is. */
export const PROBE = `echo "@arch $(uname -m)"
echo "@kernel $(uname -s)"
echo "@clock $(date +%s)"
mkdir -p "$F" || exit 1
echo "@free $(df -Pk "$F" 2>/dev/null | { read -r x; read -r d a u f x; echo "$f"; })"
for tool in tar gzip sha256sum cksum setsid; do
  if command -v "$tool" >/dev/null 2>&1; then echo "@tool $tool"; fi
done
if worker; then echo "@running $p"; fi`;

/** What of the given TCP ports is taken on the host. */
export function portsScript(ports: readonly number[]): string {
  const words = ports.map((port) => port.toString(16).toUpperCase().padStart(4, "0"));
  return `for port in ${words.join(" ")}; do
  if grep -qi ":$port 0" /proc/net/tcp /proc/net/tcp6 2>/dev/null; then echo "@taken $port"; fi
done`;
}

/** Where a program lies on a host, below `$F`. */
export function programPath(of: { version: string; sha256: string }): string {
  return `programs/${of.version.replaceAll(/[^\w.+-]/g, "_")}-${of.sha256.slice(0, 16)}/iris`;
}

/**
 * Says `@there` when the program is there, whole: it was checked when it came. It is about to be used,
 * which its time says until a VM was started with it.
 */
export function haveProgramScript(path: string, size: number): string {
  return `P="$F/"${quoted(path)}
if [ -x "$P" ] && [ "$(wc -c <"$P")" -eq ${size} ]; then
  touch -c "$P" 2>/dev/null
  echo "@there"
fi`;
}

/**
 * Takes the program from stdin, after it has said `go`: into a file of its own, checked, and only
 * then under its name. Programs that no VM was started with and nobody asked for within a day go.
 */
export function takeProgramScript(
  path: string,
  of: { size: number; sha256: string; cksum: string; go: string },
): string {
  return `P="$F/"${quoted(path)}
mkdir -p "\${P%/*}" || exit 1
for part in "\${P%/*}"/part.*; do
  if [ -e "$part" ] && ! kill -0 "\${part##*.}" 2>/dev/null; then rm -f "$part"; fi
done
T="\${P%/*}/part.$$"
fail() { echo "$1"; rm -f "$T"; rmdir "\${P%/*}" 2>/dev/null; exit 1; }
echo ${quoted(of.go)}
head -c ${of.size} >"$T" || fail "it could not be written"
got=$(wc -c <"$T"); [ "$got" -eq ${of.size} ] || fail "$((got)) of ${of.size} bytes arrived"
if command -v sha256sum >/dev/null 2>&1; then
  sum=$(sha256sum <"$T"); [ "\${sum%% *}" = ${of.sha256} ] || fail "its checksum is another one"
else
  sum=$(cksum <"$T"); [ "\${sum%% *}" = ${of.cksum} ] || fail "its checksum is another one"
fi
chmod 700 "$T" && mv -f "$T" "$P" || fail "it could not be put in place"
for other in "$F"/programs/*/; do
  other=\${other%/}
  [ "$other/iris" != "$P" ] && [ -n "$(find "$other/iris" -mtime +0 2>/dev/null)" ] || continue
  if ! grep -qsxF "$other/iris" "$F"/vms/*/*/program; then rm -rf "$other"; fi
done
:`;
}

/** What a worker is started with. */
export interface StartWords {
  /** The label, as one line. */
  readonly label: string;
  readonly token: string;
  readonly trust: string | null;
  readonly programPath: string;
  /** Arguments of the program; `$V` in front of those that are paths in the VM's folder. */
  readonly args: readonly string[];
}

/** Where the worker's files are, as it sees them: filled in by the host's shell. */
export const VM_FOLDER = "\u0001V";

/** Becomes the worker, in a session of its own, after it has noted who it is. */
const WRAPPER = 'read -r t </proc/$$/stat; s=$(set -f; set -- ${t##*) }; echo "${20}"); ' +
  "read -r b </proc/sys/kernel/random/boot_id; " +
  'echo "$$ $s $b" >"$0/pid.new" && mv -f "$0/pid.new" "$0/pid" && exec "$@"';

/** Starts the worker, unless it runs. Only the shell that speaks for the VM may. */
export function startScript(words: StartWords): string {
  const args = words.args.map((arg) => quoted(arg).replaceAll(VM_FOLDER, `'"$V"'`));
  const end = "IRIS-END-OF-FILE";
  return `speaker; [ "$p" = $$ ] || { echo "another shell is at it"; exit 1; }
if worker; then echo "@running $p"; exit 0; fi
P="$F/"${quoted(words.programPath)}
put() { cat >"$V/$1.new" && mv -f "$V/$1.new" "$V/$1" || exit 1; }
put label <<'${end}'
${words.label}
${end}
put token <<'${end}'
${words.token}
${end}
${words.trust === null ? "" : `put trust.pem <<'${end}'\n${words.trust.trimEnd()}\n${end}`}
echo "$P" >"$V/program" || exit 1
: >"$V/worker.log" || exit 1
rm -f "$V/pid"
own=$(command -v setsid || command -v nohup)
cd "$V" || exit 1
$own /bin/sh -c ${quoted(WRAPPER)} "$V" "$P" ${args.join(" ")} </dev/null >>"$V/worker.log" 2>&1 &
n=0; while [ ! -e "$V/pid" ] && [ "$n" -lt 50 ]; do nap; n=$((n+1)); done
[ -e "$V/pid" ] || { echo "the worker did not begin: $(tail -n 1 "$V/worker.log")"; exit 1; }
read -r p s b <"$V/pid"; echo "@started $p"`;
}

/** Whether the worker lives, and what it has said since. */
export function lookScript(offset: number): string {
  return `if worker; then echo "@alive $p"
elif [ -n "$b" ] && [ "$b" != "$BOOT" ]; then echo "@rebooted"
else echo "@ended"; fi
size=$(wc -c 2>/dev/null <"$V/worker.log"); echo "@size $((size))"
more=$((size - ${offset})); if [ "$more" -gt ${LOG_STEP} ]; then more=${LOG_STEP}; fi
# Not what came since it was measured: that comes with the next look.
if [ "$more" -gt 0 ]; then
  echo "@log"; tail -c +${offset + 1} "$V/worker.log" | head -c "$more"; echo
fi`;
}

/** At most so many bytes of the log come with one look. */
export const LOG_STEP = 65_536;
/** A log that is longer begins anew, once it was read; at twice that whatever comes meanwhile. */
export const LOG_MAX = 8 * 1024 * 1024;

/** Begins the log anew and says `@cut`, unless something came since that is not known yet. */
export function cutLogScript(offset: number): string {
  const known = offset > 2 * LOG_MAX
    ? "true"
    : `[ "$(wc -c 2>/dev/null <"$V/worker.log")" -eq ${offset} ]`;
  return `if ${known}; then : >"$V/worker.log" && echo "@cut"; fi`;
}

/** Signals the worker; says whether it was there. */
export function signalScript(signal: "TERM" | "KILL"): string {
  return `if worker; then kill -${signal} "$p"; echo "@alive $p"; else echo "@ended"; fi`;
}

/**
 * Ends what is left of a worker that has ended (keeper, tasks, what they left), and proves it by
 * looking; then the VM's folder goes. Says `@left` for what is still there, and `@clean` otherwise.
 *
 * What a worker may leave the program knows best. Whether or not it can run there: what was about to
 * begin, and keepers, have the folder on their command line, and tasks the worker's mark in their
 * environment.
 */
export const CLEAN = `if worker; then echo "@left the worker $p"; exit 0; fi
endall() {
  n=0
  while [ "$n" -lt 30 ]; do
    found=
    for file in $(grep -lasF -f "$V/$1" $2); do
      one=\${file#/proc/}; one=\${one%%/*}
      if startof "$one" >/dev/null; then found="$found $one"; kill -9 "$one" 2>/dev/null; fi
    done
    [ -n "$found" ] || return 0
    n=$((n+1)); nap
  done
  echo "@left processes$found"; exit 0
}
P=; read -r P 2>/dev/null <"$V/program"
id=; read -r id 2>/dev/null <"$V/state/marker-id"
if [ -n "$id" ] && [ -x "$P" ]; then
  "$P" worker clear --state-dir "$V/state" 2>&1 </dev/null
fi
if [ -d "$V" ]; then
  echo "$V/state" >"$V/paths" && endall paths '/proc/[0-9]*/cmdline'
fi
if [ -n "$id" ]; then
  echo "IRIS_UID=$id." >"$V/marks" && endall marks '/proc/[0-9]*/environ'
fi
rm -rf "$V" 2>&1; rmdir "$C" 2>/dev/null
if [ -e "$V" ]; then echo "@left the folder $V"; else echo "@clean"; fi`;

/**
 * The VMs of the cluster on this host. A shell that was about to make one, for a VM manager that is
 * no more, is ended first: what is not there now comes no more.
 */
export const LIST = `for V in "$C"/*/; do
  V=\${V%/}; [ -d "$V" ] || continue
  if [ ! -e "$V/label" ]; then
    speaker
    if same "$p" "$s"; then kill -9 "$p"; fi
  fi
  echo "@vm \${V##*/}"
  if [ -e "$V/label" ]; then echo "@label $(cat "$V/label")"; fi
done`;
