#!/usr/bin/env bash
# How long a newcomer waits: from `git clone` of this repository's HEAD to the
# first streamed token of a reply, in seconds, step by step.
#
#   test/load/first-token.sh           with this user's module and build caches as they are
#   test/load/first-token.sh -rebuild  with the module cache, but an empty build cache
#   test/load/first-token.sh -cold     with both empty: every module is downloaded
#
# Needs git, curl and what `make run` needs. Everything it makes is in a
# temporary folder and goes with it.
set -euo pipefail

source=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
work=$(mktemp -d)
chmod 755 "$work" # PostgreSQL may run as another user than this one
service=
# Go's module cache is read-only, hence the chmod.
cleanup() {
	if [ -n "$service" ]; then
		kill -INT -- "-$service" 2>/dev/null || true
		wait "$service" 2>/dev/null || true
	fi
	chmod -R u+w "$work" && rm -rf "$work"
}
trap cleanup EXIT

case "${1:-}" in
'') ;;
-rebuild) export GOCACHE="$work/build" ;;
-cold) export GOCACHE="$work/build" GOMODCACHE="$work/modules" ;;
*)
	sed -n '2,10s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }
field() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }

started=$(now)
git clone --quiet "$source" "$work/fluentpro"
cd "$work/fluentpro"
echo "cloned after          $(since "$started") s"

# In a process group of its own, so that the signal at the end reaches what
# `go run` started, as a terminal's Ctrl-C does.
set -m
FLUENTPRO_HTTP_ADDR=127.0.0.1:0 go run ./cmd/fluentpro dev >"$work/said" 2>"$work/log" &
service=$!
set +m
api=
until [ -n "$api" ]; do
	kill -0 "$service" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
	api=$(sed -n 's/^ *API *\(http[^ ]*\)$/\1/p' "$work/said")
	sleep 0.02
done
curl -sf --retry 100 --retry-all-errors --retry-delay 1 "${api%/api/v2}/readyz" >/dev/null
echo "ready after           $(since "$started") s"

json='Content-Type: application/json'
auth="Authorization: Bearer $(curl -sf "$api/users" -H "$json" \
	-d '{"email":"first@example.com","password":"Harbour-Light-42","full_name":"Mei Chen"}' | field access_token)"
conversation=$(curl -sf "$api/conversations" -H "$auth" -H "$json" \
	-d '{"partner_id":"suppliers","situation_id":"negotiations"}' | field id)
grep -q -m 1 '^event: message.delta' < <(curl -sN "$api/conversations/$conversation/messages" -H "$auth" -H "$json" \
	-d '{"content":"Good morning. Could we talk about your price?","stream":true}') || { echo "no token came" >&2; exit 1; }
echo "first token after     $(since "$started") s"
