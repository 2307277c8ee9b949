# Story 2: a performance engineer with a CSV file of another tool.
set -eu
. "$STORIES/expect.sh"

{
    echo "model,hardware,batch_size,tps,lat_s"
    for model in resnet18 resnet34 resnet50 resnet101 vgg16 densenet121; do
        size=$((${#model} + 3))
        for batch in 1 2 4 8 16 32; do
            echo "$model,nvidia-l4,$batch,,0.0$((size * batch + 100))"
        done
    done
    echo "resnet50,nvidia-l4,64,,fast"
} >bench.csv
map="--map tps=throughput,lat_s=latency --unit latency=s"

expect 2 perfpredict measure import bench.csv $map --dry-run
said "bench.csv:38"
expect 0 perfpredict measure import bench.csv $map --on-error skip --rejects bad.csv
grep -q fast bad.csv
expect 0 perfpredict measure import bench.csv $map --on-error skip
expect 0 perfpredict measure list --limit 0 -q >ids
[ "$(wc -l <ids)" = 36 ] # a second import adds nothing
expect 0 perfpredict models train --metric latency --algorithm ridge --min-rows 20 --level 0.9 --no-activate
expect 0 perfpredict perf predict my-org/encoder-v2 --params 110e6 --flops 22e9 \
    --hardware nvidia-l4,nvidia-a10 --batch-size 1,4,16 --format csv >plan.csv
[ "$(wc -l <plan.csv)" = 7 ]
expect 3 perfpredict perf analyze --by hardware --by basis
said "0 linked" # measured first: nothing was predicted before
