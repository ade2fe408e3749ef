/**
 * The shell steps of the runtime `container`. `$0` is the engine: podman, docker, or what speaks
 * like them. A container's name is derived from the attempt's uid, so nobody has to remember it.
 * Pure.
 */

/**
 * Becomes the engine's client. What differs by attempt is known only now: the name, the folder in
 * which the task begins, and the folders that it hands things back through.
 */
export const RUN = `
name=iris-$IRIS_UID
label=iris.worker=\${IRIS_UID%.*.*.*}
exec "$0" run --name "$name" --label "$label" --log-driver none \\
  \${IRIS_MOUNT_CWD:+"--volume=$PWD:$IRIS_MOUNT_CWD"} \\
  \${IRIS_MOUNT_CWD:+"--workdir=$IRIS_MOUNT_CWD"} \\
  \${IRIS_RESULT_FILE:+"--volume=\${IRIS_RESULT_FILE%/*}:\${IRIS_RESULT_FILE%/*}"} \\
  \${IRIS_OUTPUT_DIR:+"--volume=$IRIS_OUTPUT_DIR:$IRIS_OUTPUT_DIR"} \\
  \${IRIS_TOKEN_FILE:+"--volume=$IRIS_TOKEN_FILE:$IRIS_TOKEN_FILE:ro"} \\
  \${IRIS_CA_FILE:+"--volume=$IRIS_CA_FILE:$IRIS_CA_FILE:ro"} \\
  "$@"
`;

/**
 * Becomes the client of a command inside an attempt's container; its first argument marks that
 * command, the rest is the command. No sequence that anybody types detaches the client.
 */
export const EXEC = `
marker=$1
shift
exec "$0" exec --interactive "--env=$marker" \\
  \${IRIS_EXEC_TTY:+--tty --detach-keys=ctrl-@,ctrl-@,ctrl-@,ctrl-@} \\
  \${IRIS_EXEC_TERM:+"--env=TERM=$IRIS_EXEC_TERM"} \\
  "iris-$IRIS_UID" "$@"
`;

/** Sends a signal to the first process of an attempt's container. */
export const SIGNAL = `exec "$0" kill --signal "$1" "iris-$IRIS_UID"`;

/**
 * Ends a container and removes it. Podman waits for a while for one whose processes were killed
 * behind its back unless told not to, and then removes it only by the second try; docker knows no
 * such flag, and needs none.
 */
const REMOVE = `
remove() {
  "$engine" kill --signal KILL "$1" >/dev/null 2>&1
  for again in 1 2; do
    "$engine" rm --force --volumes --time 0 "$1" >/dev/null 2>&1 && return
  done
  "$engine" rm --force --volumes "$1" >/dev/null 2>&1
}
engine=$0
`;

/**
 * Says how the attempt's container fared, then removes it. One that still runs lost its client, which
 * passes no signal on before the engine has noted that the container runs: it gets its grace now.
 */
export const CLEAN_UP = `${REMOVE}
name=iris-$IRIS_UID
state=$("$engine" container inspect \\
  --format '{{.State.StartedAt}} running={{.State.Running}} oom={{.State.OOMKilled}}' \\
  "$name" 2>/dev/null)
case $state in
  "" | 0001-*) echo never ;;
  *running=true*)
    code=
    if [ "$IRIS_GRACE_S" -gt 0 ]; then
      "$engine" stop --time "$IRIS_GRACE_S" "$name" >/dev/null 2>&1 &&
        code=$("$engine" container inspect --format '{{.State.ExitCode}}' "$name" 2>/dev/null)
    fi
    echo "running \${code:-137}"
    ;;
  *oom=true) echo oom ;;
esac
[ -z "$state" ] || remove "$name"
left=$("$engine" ps --all --quiet --filter "name=^$name\\$") || exit 1
[ -z "$left" ] || echo "left container $name"
echo done
`;

/** Removes every container of this worker. */
export const SWEEP = `${REMOVE}
all() { "$engine" ps --all --quiet --filter "label=iris.worker=$IRIS_WORKER_UID"; }
for id in $(all); do remove "$id" & done
wait
left=$(all) || exit 1
for id in $left; do echo "left container $id"; done
echo done
`;
