# Story 5: a data scientist with a regressor of scikit-learn.
set -eu
. "$STORIES/expect.sh"

for batch in 1 2 4 8 16; do
    expect 0 perfpredict measure record bert-base-uncased --hardware nvidia-l4 --batch-size $batch --latency "$((batch + 4))ms" -q >>ids
done
expect 0 perfpredict measure export --format parquet -o m.parquet --model 'bert*'
cat >fit.py <<'PYTHON'
import joblib, polars as pl, sys
from sklearn.ensemble import RandomForestRegressor
rows = pl.read_parquet(sys.argv[1])
model = RandomForestRegressor(n_estimators=5, random_state=0)
joblib.dump(model.fit(rows.select("batch_size").to_numpy(), rows["latency_ms"]), sys.argv[2])
PYTHON
python fit.py m.parquet rf.joblib
store="--type RandomForestRegressor --target-metric latency --hardware cuda --family embedding --features batch_size --test-score 0.9"
expect 7 perfpredict models store rf.joblib $store
said "--trust"
id=$(perfpredict models store rf.joblib $store --trust -q)
expect 0 perfpredict models importance "$id" >importance
holds batch_size <importance
expect 0 perfpredict models evaluate "$id"
expect 0 perfpredict perf predict bert-base-uncased --hardware nvidia-l4 --batch-size 16 --predictor "$id" --explain >why
holds "stored predictor" <why
