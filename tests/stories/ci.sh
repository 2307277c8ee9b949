# Story 3: continuous integration that fails a build which got slower than predicted.
set -eu
. "$STORIES/expect.sh"
export NO_COLOR=1

expect 0 perfpredict perf predict resnet18 --hardware cpu --batch-size 8
expect 0 perfpredict db backup baseline.duckdb
expect 0 perfpredict db restore baseline.duckdb --yes

step() { # what CI does with each answer
    rc=0
    perfpredict measure check "$1" --metric latency --side upper --level 0.95 --format github 2>said || rc=$?
    case $rc in
    0) echo fine ;;
    4) echo slower ;;
    3) echo unknown ;;
    *) exit "$rc" ;;
    esac
}
shape="resnet18 --hardware cpu --batch-size 8"
id=$(perfpredict measure record $shape --latency 0.01ms -q)
[ "$(step "$id" | tail -n 1)" = fine ]
id=$(perfpredict measure record $shape --latency 1000s -q)
step "$id" >slow
holds "::error" <slow
[ "$(tail -n 1 slow)" = slower ]
id=$(perfpredict measure record resnet34 --hardware cpu --latency 5ms -q)
[ "$(step "$id")" = unknown ]

expect 3 perfpredict perf check --since 30d --max-median-error 0.25 --min-coverage 0.8 --format junit >few.xml
holds "<testsuite" <few.xml
said "too few pairs"
expect 4 perfpredict perf check --metric latency --since 30d --max-median-error 0.25 --min-samples 2
