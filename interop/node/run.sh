#!/bin/sh
# Tells the story and the day with each client version over each transport, against a running server with demo data:
#
#   interop/node/run.sh [http://127.0.0.1:8080]
#
# Exit status 0 if all went as it is written. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")" || exit 1
server=${1:-http://127.0.0.1:8080}

../../tools/npm-ci . || exit 1

passed=0
failed=0
for tale in story day; do
  for client in 9 3; do
    for transport in long-polling websocket; do
      if node "$tale.mjs" --server "$server" --client "$client" --transport "$transport"; then
        echo "ok    the $tale, cometd $client over $transport"
        passed=$((passed + 1))
      else
        echo "FAIL  the $tale, cometd $client over $transport"
        failed=$((failed + 1))
      fi
    done
  done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
