#!/bin/bash
# Rows a second of a farm of one silo beside plain `score` over the same answers, in turn, and of two silos on a core each.
#   rate.sh SPARSERM [ROWS] [ROUNDS]      SPARSERM: the published program; run from the repository's root on a machine with nothing else to do
# Checks that all of them wrote the same bytes; the exit code is 1 where they did not, or where anything failed.
set -euo pipefail
shopt -s inherit_errexit
program=$(realpath "$1")
rows=${2:-200000}
rounds=${3:-3}
world=$PWD/src/SparseRM.Demo/miniworld
model=(--model "$world/model" --reward "$world/reward.safetensors" --threads 1)
folder=$(mktemp -d)
silos=()
leave() {
  local code=$?
  if [ $code != 0 ]; then tail -n 5 "$folder"/*.log >&2 || true; fi
  # What a script starts in the background does not hear of an interrupt.
  for silo in "${silos[@]}"; do kill -TERM "$silo" 2>/dev/null || true; done
  wait
  rm -rf "$folder"
}
trap leave EXIT
trap 'exit 130' INT TERM
cd "$folder"

# Each answer of the demo's pairs with a number behind its prompt, so that no two rows are equal.
cat "$world"/pairs/*.jsonl | python3 -c '
import itertools, json, sys
pairs = [json.loads(line) for line in sys.stdin]
answers = [(pair["prompt"], pair[side]) for pair in pairs for side in ("chosen", "rejected")]
for number in range(int(sys.argv[1])):
    prompt, response = answers[number % len(answers)]
    print(json.dumps({"prompt": f"{prompt} {number // len(answers)}", "response": response}))
' "$rows" > answers.jsonl

# The client where it takes nothing from the silos, if there is such a core.
client=()
if [ "$(nproc)" -gt 2 ]; then client=(taskset -c "2-$(($(nproc) - 1))"); fi
port=21111
silo() { # CORE
  taskset -c "$1" "$program" farm silo "${model[@]}" --port $port >>silo.log 2>&1 &
  silos+=($!)
}
ready() { # SILOS
  local tries=0
  until [ "$(grep -c 'silo at port' silo.log || true)" = "$1" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 120 ]; then echo "no silo after a minute" >&2; exit 1; fi
    sleep 0.5
  done
}
seconds() { # COMMAND...
  local start=$EPOCHREALTIME
  "$@" >/dev/null 2>>commands.log
  awk "BEGIN { printf \"%.2f\\n\", $EPOCHREALTIME - $start }"
}
farm() { # NAME
  seconds "${client[@]}" "$program" farm submit --input answers.jsonl --output "$1" --port $port
  cat "$1"/rows-*.jsonl >"$1.jsonl"
  cmp "$1.jsonl" plain.jsonl >&2
}
rate() { awk "BEGIN { printf \"%8.0f\", $rows / $1 }"; }
least() { sort -n "$1" | head -n 1; }

echo "$rows rows, one thread a silo; $rounds rounds"
silo 0
ready 1
for round in $(seq "$rounds"); do
  rm -f plain.jsonl
  plain=$(seconds taskset -c 0 "$program" score "${model[@]}" --input answers.jsonl --output plain.jsonl)
  one=$(farm "one-$round")
  echo "$plain" >>plain.seconds
  echo "$one" >>one.seconds
  echo "round $round: score $(rate "$plain") rows/s   farm of one silo $(rate "$one") rows/s   $(awk "BEGIN { printf \"%5.1f\", 100 * $plain / $one }") %"
done
plain=$(least plain.seconds)
one=$(least one.seconds)
echo "fastest: score $(rate "$plain") rows/s   farm of one silo $(rate "$one") rows/s   $(awk "BEGIN { printf \"%5.1f\", 100 * $plain / $one }") % (bar: 95)"
if [ "$(nproc)" -lt 2 ]; then echo "two silos: not measured, this machine has one core"; exit; fi
silo 1
ready 2
for round in $(seq "$rounds"); do
  two=$(farm "two-$round")
  echo "$two" >>two.seconds
  echo "round $round: farm of two silos $(rate "$two") rows/s"
done
two=$(least two.seconds)
echo "fastest: farm of two silos $(rate "$two") rows/s   $(awk "BEGIN { printf \"%5.2f\", $one / $two }") x one silo (bar: 1.9)"
