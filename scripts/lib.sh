# Shared by the scripts beside it; sourced, never run. Bash, because every Debian has it.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT LC_ALL=C.UTF-8

# To people, so to stderr: stdout belongs to what a script was asked for.
say() { printf '%s\n' "$@" >&2; }
fail() { say "error: $*"; exit 1; }

# In the foreground of a person's terminal? Anything else must never wait for an answer.
interactive() { [ -z "${CI:-}" ] && [ -t 0 ] && [ -t 2 ]; }

# confirm QUESTION: yes is the default; nobody there to ask counts as no.
confirm() {
  interactive || return 1
  local answer
  printf '%s [Y/n] ' "$1" >&2
  read -r answer || return 1
  case $answer in '' | [yY]*) return 0 ;; *) return 1 ;; esac
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; 1 when the time is over.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# free_port: a TCP port nobody listens on at this moment.
free_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 30000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s\n' "$port"; return 0; }
  done
  fail "found no free port on 127.0.0.1"
}
