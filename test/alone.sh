#!/bin/sh
# Runs one test binary at a time (go test -exec), while the next ones are compiled:
# two at once would double every wait that a test bounds. What it starts does not
# inherit the lock.
exec flock --close "$0" "$@"
