# Story 1: a new user's first minute. No database, no settings, no network.
set -eu
. "$STORIES/expect.sh"

expect 0 perfpredict hardware detect >detected
holds cpu <detected
expect 0 perfpredict hardware recommend bert-base-uncased --batch-size 8
said "no measurements of"
said "perfpredict measure"
expect 0 perfpredict perf predict bert-base-uncased --hardware cpu --batch-size 1,8,32 >predicted
[ "$(wc -l <predicted)" = 4 ]
said "no measurements yet"
said "perfpredict measure run bert-base-uncased"
expect 0 perfpredict sample generate --num-models 3 --db try.duckdb
expect 0 perfpredict perf analyze --db try.duckdb --plot >accuracy
holds "predicted latency, ms" <accuracy
said "these rows are made up"

# and what goes wrong in a first minute
expect 2 perfpredict perf predict bert-base-uncased --hardware banana
said "no device named 'banana'"
expect 3 perfpredict perf predict bert-base-uncasd --hardware cpu
said "did you mean"
