#!/usr/bin/env bash
# The GPU's cells of docs/performance.md: under 10 minutes, prints its tables, and when it is cut off, run it again:
# what is done is kept in $OUT. Needs Python with torch, e3nn, numba, pyarrow, pandas, numpy, pydantic,
# pyyaml, filelock, tqdm, ase and jarvis-tools, no network, and the files of a run (graphs need no more than records):
#
#   RECORDS=results/data/records.parquet SPLITS=results/data/splits.parquet SHARDS="results/graphs/*.parquet" benchmarks/gpu.sh
#
# MODELS="std/multitask std/spillage pro/piezoelectric": instead of the tables of speed, train these models to the end of
# their schedules in config.yaml (interrupted, they go on) and print their test errors beside the best constant. A model
# whose tier has `init: multitask` starts from the tier's multitask model if that one comes before it in the list.
# Other settings or data need another OUT, since what lies there is taken as done.
# CHANGES='{"seeds": 5}' changes keys of `training:` for all of them.
#
# ALIGNN_PYTHON: an interpreter with the package alignn; without it those rows are left out, by name.
# A rehearsal on the CPU: DEVICE=cpu BATCH=8 BATCHES=1 STEP_SECONDS=1 SEEN=400 benchmarks/gpu.sh
set -uo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
DEVICE=${DEVICE:-cuda}
OUT=${OUT:-results/benchmarks/$DEVICE}
RECORDS=${RECORDS:-results/data/records.parquet}
SPLITS=${SPLITS:-results/data/splits.parquet}
SHARDS=${SHARDS:-results/graphs/shard-*.parquet}
PROPERTY=${PROPERTY:-bulk_modulus}
BATCH=${BATCH:-64}
BATCHES=${BATCHES:-4}
STEP_SECONDS=${STEP_SECONDS:-3}
SEEN=${SEEN:-100000} # crystals that each training sees
ALIGNN_PYTHON=${ALIGNN_PYTHON:-$PYTHON}

for file in "$RECORDS" "$SPLITS"; do
  [ -e "$file" ] || { echo "error: $file: not found; set RECORDS, SPLITS and SHARDS, or run: snakemake $file" >&2; exit 2; }
done
mkdir -p "$OUT"
export PYTHONPATH="workflow_scripts${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

# part NAME COMMAND...: run it once; what it printed is shown now and kept.
part() {
  local name=$1 text="$OUT/$1.txt"
  shift
  printf '\n## %s\n\n' "$name"
  if [ ! -e "$text" ]; then
    if "$@" >"$text.part" 2>"$OUT/$name.log"; then mv "$text.part" "$text"; else
      echo "failed, see $OUT/$name.log: $(tail -n 1 "$OUT/$name.log")"
      return
    fi
  fi
  cat "$text"
}

steps() {
  "$PYTHON" benchmarks/training.py --crystals "$RECORDS" --device "$DEVICE" --batch-size "$BATCH" --batches "$BATCHES" \
    --rounds 1 --seconds "$STEP_SECONDS" --alignn-python "$ALIGNN_PYTHON" "$@"
}

# settings TIER CHANGES: the tier's section of config.yaml with other keys of `training:`, as JSON.
settings() {
  "$PYTHON" - "$1" "$2" <<'PYTHON'
import json
import sys
from pathlib import Path
from crystalmatrix import config

tier = config.load(Path("config.yaml")).tiers[sys.argv[1]].model_dump()
print(config.TierConfig.parse(tier | {"training": tier["training"] | json.loads(sys.argv[2])}).to_json())
PYTHON
}

# features TIER: the files that the tier sees, made where they are missing.
features() {
  # shellcheck disable=SC2086 # SHARDS is a list of patterns
  "$PYTHON" benchmarks/stage.py --tier "$1" --shards $SHARDS
}

# train TIER TASK CHANGES NAME: $OUT/NAME.pt; the run folder resumes.
train() {
  local wanted init=()
  wanted=$(settings "$1" "$3") || return
  if [ "$2" != multitask ] && [[ $wanted == *'"init":"multitask"'* ]]; then init=(--init "$OUT/$1-multitask.pt"); fi
  # shellcheck disable=SC2046 # one word a file
  "$PYTHON" workflow_scripts/train.py --tier "$1" --task "$2" --settings "$wanted" --device "$DEVICE" "${init[@]}" \
    --records "$RECORDS" --splits "$SPLITS" --features $(features "$1") --run "$OUT/runs/$4" --out "$OUT/$4.pt"
}

# model TIER TASK: trained, and its errors on the test ids held in the records.
model() {
  [ -e "$OUT/$1-$2.pt" ] || train "$1" "$2" "${CHANGES:-{\}}" "$1-$2" >&2 || return
  # shellcheck disable=SC2046
  "$PYTHON" workflow_scripts/predict.py --model "$OUT/$1-$2.pt" --records "$RECORDS" --splits "$SPLITS" \
    --features $(features "$1") --device "$DEVICE" --out "$OUT/$1-$2.predictions.parquet" >&2 || return
  "$PYTHON" - "$OUT/$1-$2.predictions.parquet" <<'PYTHON'
import json
import sys

import pyarrow.parquet

table = pyarrow.parquet.read_table(sys.argv[1])
model = json.loads(table.schema.metadata[b"crystalmatrix"])["model"]
test = table.to_pandas().query("fold == 'test'")
print(f"{model['tier']}/{model['task']}: {model['epochs']} epochs, {model['train_seconds']:.0f} s on {model['device']}")
print(f"{'property':18} {'n':>5} {'MAE':>9} {'median':>9} {'constant':>9}")
for name, rows in test.groupby("property", sort=False):
    error = (rows.prediction - rows.target).abs()
    constant = (rows.target - model["train_median"][name]).abs().mean()
    print(f"{name:18} {len(rows):5} {error.mean():9.4g} {error.median():9.4g} {constant:9.4g}")
PYTHON
}

if [ -n "${MODELS:-}" ]; then
  for name in $MODELS; do part "${name/\//-}" model "${name%/*}" "${name#*/}"; done
  exit 0
fi

changes() {
  echo "{\"precision\": \"$1\", \"crystals_seen\": $SEEN, \"min_epochs\": 1, \"save_every_seconds\": 20, \"init\": \"scratch\"}"
}

part speed steps --models lite std pro cgcnn alignn alignn-radius
part precision steps --models std std+tf32 std+bfloat16 pro pro+tf32 pro+bfloat16
part train-float32 train std "$PROPERTY" "$(changes float32)" float32
part train-tf32 train std "$PROPERTY" "$(changes tf32)" tf32
part train-bfloat16 train std "$PROPERTY" "$(changes bfloat16)" bfloat16
part compile steps --models std+compile std+bfloat16+compile pro+compile
part floor steps --models lite std pro --count

printf '\n## validation error by precision, std on %s\n\n| precision | best validation MAE | crystals/s | seconds |\n|---|---|---|---|\n' "$PROPERTY"
for precision in float32 tf32 bfloat16; do
  log="$OUT/runs/$precision/seed-0/log.jsonl"
  [ -e "$log" ] && "$PYTHON" - "$precision" "$log" <<'PYTHON'
import json
import statistics
import sys
from pathlib import Path

epochs = [json.loads(line) for line in Path(sys.argv[2]).read_text().splitlines()]
best = min(next(iter(epoch["val_mae"].values())) for epoch in epochs)
rate = statistics.median(epoch["crystals_per_second"] for epoch in epochs)
print(f"| {sys.argv[1]} | {best:.4g} | {rate:,.0f} | {epochs[-1]['seconds']:.0f} |")
PYTHON
done
exit 0
