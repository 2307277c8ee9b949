# Story 4: a team with one database, written to at once.
set -eu
. "$STORIES/expect.sh"
export PERFPREDICT_DB=team.duckdb PERFPREDICT_USER=ada

pids=
for batch in 1 8 32; do
    perfpredict measure record resnet18 --hardware nvidia-h100-sxm --batch-size $batch \
        --latency "${batch}ms" -q >"id.$batch" &
    pids="$pids $!"
done
for pid in $pids; do wait "$pid"; done
expect 0 perfpredict measure list -q >ids
[ "$(sort ids)" = "$(sort id.1 id.8 id.32)" ]

expect 0 perfpredict db backup backup.duckdb
expect 0 perfpredict measure record resnet34 --hardware nvidia-l4 --latency 9ms --db laptop.duckdb
expect 0 perfpredict db merge laptop.duckdb
expect 0 perfpredict measure list -q >ids
[ "$(wc -l <ids)" = 4 ]

expect 0 perfpredict hardware recommend resnet18 --hardware nvidia-l4,nvidia-h100-sxm
expect 0 perfpredict hardware history --accepted pending --since 14d --json >pending
[ "$(json pending '[one["user"] for one in answer]')" = "['ada']" ]
