#!/usr/bin/env bash
# The GPU's cells of docs/performance.md: under 10 minutes, prints its tables, and when it is cut off, run it again:
# what is done is kept in $OUT. Needs Python with torch, e3nn, torch-geometric, numba, pyarrow, pandas, numpy, pydantic,
# pyyaml, filelock and tqdm, no network, and the files of a run (graphs need no more than records):
#
#   RECORDS=results/data/records.parquet SPLITS=results/data/splits.parquet SHARDS="results/graphs/*.parquet" benchmarks/gpu.sh
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

# train PRECISION: the std tier on one property; the run folder resumes.
train() {
  local settings
  settings=$("$PYTHON" - "$1" "$SEEN" <<'PYTHON'
import sys
from pathlib import Path
from crystalmatrix import config

tier = config.load(Path("config.yaml")).tiers["std"]
changes = {"precision": sys.argv[1], "crystals_seen": int(sys.argv[2]), "min_epochs": 1, "save_every_seconds": 20}
print(tier.model_copy(update={"training": tier.training.model_copy(update=changes)}).to_json())
PYTHON
  ) || return
  # shellcheck disable=SC2086 # SHARDS is a list of patterns
  "$PYTHON" workflow_scripts/train.py --tier std --task "$PROPERTY" --settings "$settings" --device "$DEVICE" \
    --records "$RECORDS" --splits "$SPLITS" --shards $SHARDS --run "$OUT/runs/$1" --out "$OUT/std-$1.pt"
}

part speed steps --models lite std pro cgcnn alignn alignn-radius
part precision steps --models std std+tf32 std+bfloat16 pro pro+tf32 pro+bfloat16
part train-float32 train float32
part train-tf32 train tf32
part train-bfloat16 train bfloat16
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
