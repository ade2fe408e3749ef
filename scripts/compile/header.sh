#!/bin/sh
# Iris @VERSION@ (@COMMIT@), @TARGET@. One file: this script, and after @OFFSET@ bytes an archive of
# the program and of Deno, which runs it. The first start unpacks that, to the first of these places
# that can be used: $XDG_CACHE_HOME/iris, ~/.cache/iris, ${TMPDIR:-/tmp}/iris-UID. Every start then
# becomes Iris (exec): no process stays in between. A failure is one line on stderr, exit code 1.
iris_key=@KEY@

case $0 in
  /*) iris_self=$0 ;;
  */*) iris_self=$PWD/$0 ;;
  *) if [ -f "./$0" ]; then iris_self=$PWD/$0; else iris_self=$(command -v -- "$0"); fi ;;
esac

# Whether it lies below $1, complete (it gets there by one rename), and nobody else could put it there.
iris_lies_in() {
  [ -x "$1/$iris_key/deno" ] && [ -f "$1/$iris_key/main.js" ] && [ -O "$1" ]
}

# Becomes Iris, where it is unpacked below $1; the other arguments are the program's.
iris_start() {
  iris_lies_in "$1" || return 0
  iris_at=$1/$iris_key
  # It is in use: see iris_forget. Not every place can be written.
  { :; } 2>/dev/null >"$iris_at/.used"
  iris_lies_in "$1" || return 0
  shift
  # Tasks have the PATH of this process, and Deno would put itself there where there is no node.
  export IRIS_SINGLE_FILE="$iris_self" DENO_NO_UPDATE_CHECK=1 DENO_DISABLE_NODE_SHIM=1
  exec "$iris_at/deno" @FLAGS@ "$iris_at/main.js" "$@"
}

# A place of our own in a folder of all: /tmp. A link, or what somebody else made, is none.
iris_is_private() {
  iris_seen=$(ls -ldn "$1" 2>/dev/null) || return 1
  case $iris_seen in drwx------*) ;; *) return 1 ;; esac
  [ -O "$1" ] && [ ! -L "$1" ]
}

iris_clean() {
  # Only what is ours: another start may hold the lock by now.
  if [ "$iris_locked" = yes ]; then rm -f "$iris_lock"; fi
  iris_locked=no
  if [ -n "$iris_temp" ]; then rm -rf "$iris_temp"; fi
  iris_temp=
}

iris_interrupted() {
  iris_clean
  trap - "$1"
  kill -s "$1" $$
}

# One start unpacks and the others wait for it. That only saves work: who waited too long unpacks too,
# and the first rename wins. The lock is a link to a file with its holder, so it never is without one.
iris_wait_turn() {
  iris_turns=0
  echo "$iris_host $$" >"$iris_temp/by" || return 1
  until ln "$iris_temp/by" "$iris_lock" 2>/dev/null; do
    if iris_lies_in "$1"; then return 0; fi
    iris_by_host= iris_by_pid=
    read -r iris_by_host iris_by_pid 2>/dev/null <"$iris_lock"
    if [ "$iris_by_host" = "$iris_host" ] && ! kill -0 "$iris_by_pid" 2>/dev/null; then
      rm -f "$iris_lock"
    fi
    # Where there is no lock after a few looks, links cannot be made.
    if [ ! -e "$iris_lock" ]; then iris_turns=$((iris_turns + 100)); fi
    iris_turns=$((iris_turns + 1))
    if [ "$iris_turns" -gt 600 ]; then return 0; fi
    sleep 0.1 2>/dev/null || sleep 1
  done
  iris_locked=yes
}

# What starts left that were killed while they unpacked.
iris_sweep() {
  for iris_junk in "$1/.new-$iris_host"-*; do
    if [ -d "$iris_junk" ] && ! kill -0 "${iris_junk##*-}" 2>/dev/null; then rm -rf "$iris_junk"; fi
  done
  find "$1" -name '.new-*' -prune -mtime +1 -exec rm -rf {} + 2>/dev/null
}

# Whether the version at $1 was not started for 30 days, and no process here runs it. Those that live
# long set the mark themselves, twice a day: other hosts may share this place.
iris_is_unused() {
  [ -n "$(find "$1/.used" -mtime +30 2>/dev/null)" ] || return 1
  for iris_one in /proc/[0-9]*; do
    if [ "$iris_one/exe" -ef "$1/deno" ]; then return 1; fi
  done
}

# Removes other versions below $1 that are not used. One is moved away first and looked at again: who
# sets the mark before that keeps it, and who comes after it unpacks it anew.
iris_forget() {
  [ -e /proc/self/exe ] || return 0
  for iris_old in "$1"/*-????????????????; do
    if [ "$iris_old" = "$1/$iris_key" ] || [ ! -f "$iris_old/.used" ] || [ ! -O "$iris_old" ]; then continue; fi
    iris_is_unused "$iris_old" || continue
    mv "$iris_old" "$iris_temp/" 2>/dev/null || continue
    iris_is_unused "$iris_temp/${iris_old##*/}" || mv "$iris_temp/${iris_old##*/}" "$1/" 2>/dev/null
  done
}

# The archive, hashed now and at no other start.
iris_check() {
  [ "$iris_checked" = yes ] && return 0
  if command -v sha256sum >/dev/null 2>&1; then
    iris_sum=$(tail -c +@FROM@ "$iris_self" | sha256sum)
    if [ "${iris_sum%% *}" != @SHA256@ ]; then
      iris_clean
      echo "iris: $iris_self is damaged (its hash is wrong): copy it again" >&2
      exit 1
    fi
  fi
  iris_checked=yes
}

# Unpacks below $1. What went wrong is in iris_why.
iris_unpack() {
  iris_temp= iris_locked=no iris_lock=$1/.lock-$iris_key
  mkdir -p "$1" 2>/dev/null
  if [ ! -d "$1" ]; then iris_why='it cannot be made'; return 1; fi
  if [ ! -O "$1" ]; then iris_why='it is of another user'; return 1; fi
  if [ ! -w "$1" ]; then iris_why='it cannot be written'; return 1; fi
  iris_temp=$1/.new-$iris_host-$$
  rm -rf "$iris_temp"
  if ! mkdir -p "$iris_temp/$iris_key" 2>/dev/null || ! iris_wait_turn "$1" 2>/dev/null; then
    iris_clean
    iris_why='it cannot be written, or has no room'; return 1
  fi
  if iris_lies_in "$1"; then iris_clean; return 0; fi
  iris_sweep "$1"
  iris_check
  iris_said=$({
    { tail -c +@FROM@ "$iris_self" | gzip -dc || echo 'iris-failed: damaged' >&3; } |
      (cd "$iris_temp/$iris_key" && tar -xof -) || echo 'iris-failed: tar' >&3
  } 3>&1 2>&1 >/dev/null </dev/null)
  case $iris_said in
    *iris-failed:*)
      iris_clean
      iris_why=$(echo "$iris_said" | sed -n '/./{p;q;}'); return 1
      ;;
  esac
  if [ ! -x "$iris_temp/$iris_key/deno" ]; then
    iris_clean
    iris_why='programs cannot be run from it'; return 1
  fi
  if ! "$iris_temp/$iris_key/deno" --version >/dev/null 2>&1 </dev/null; then
    iris_clean
    echo "iris: this file is for @TARGET@: it does not run on $(uname -sm), or glibc is missing" >&2
    exit 1
  fi
  # A power cut must not leave a program of zeros under a good name.
  sync "$iris_temp/$iris_key/deno" "$iris_temp/$iris_key/main.js" 2>/dev/null
  # Only what is damaged is still in the way, or what another start has put there just now.
  if [ -e "$1/$iris_key" ] && ! iris_lies_in "$1"; then mv "$1/$iris_key" "$iris_temp/old"; fi
  mv "$iris_temp/$iris_key" "$1/" 2>/dev/null
  if iris_lies_in "$1"; then iris_forget "$1"; fi
  iris_clean
  iris_why='it cannot be renamed there'
  iris_lies_in "$1"
}

# The start of a version that is unpacked takes no further process up to here.
iris_xdg= iris_home=
case ${XDG_CACHE_HOME-} in /*) iris_xdg=$XDG_CACHE_HOME/iris && iris_start "$iris_xdg" "$@" ;; esac
case ${HOME-} in /*) iris_home=$HOME/.cache/iris ;; esac
if [ "$iris_home" = "$iris_xdg" ]; then iris_home=; fi
if [ -n "$iris_home" ]; then iris_start "$iris_home" "$@"; fi
case ${TMPDIR-} in /*) iris_shared=$TMPDIR ;; *) iris_shared=/tmp ;; esac
iris_shared=$iris_shared/iris-$(id -u)
if iris_is_private "$iris_shared"; then iris_start "$iris_shared" "$@"; fi

iris_host=$(uname -n)
iris_checked=no iris_tried= iris_temp= iris_locked=no
trap 'iris_interrupted HUP' HUP
trap 'iris_interrupted INT' INT
trap 'iris_interrupted TERM' TERM
iris_mask=$(umask)
umask 022
for iris_root in "$iris_xdg" "$iris_home" "$iris_shared"; do
  if [ -z "$iris_root" ]; then continue; fi
  if [ "$iris_root" = "$iris_shared" ]; then
    mkdir -m 700 "$iris_root" 2>/dev/null
    if ! iris_is_private "$iris_root"; then
      iris_tried="$iris_tried; $iris_root: it is not ours alone"
      continue
    fi
  fi
  if iris_unpack "$iris_root"; then
    umask "$iris_mask"
    trap - HUP INT TERM
    iris_start "$iris_root" "$@"
  fi
  iris_tried="$iris_tried; $iris_root: $iris_why"
done
echo "iris: no place to unpack to${iris_tried}; set XDG_CACHE_HOME to a folder with @ROOM@ MB of room" >&2
exit 1
