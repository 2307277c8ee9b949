# Story 6: an infrastructure engineer who wants the cheapest hardware under a target.
set -eu
. "$STORIES/expect.sh"

printf 'name,price_per_h\nnvidia-l4,0.7\nnvidia-l40s,1.8\nnvidia-h100-sxm,4.5\n' >prices.csv
expect 0 perfpredict hardware price import prices.csv --currency EUR --date 2026-11-01

ask="perfpredict hardware recommend meta-llama/Llama-3.1-8B --precision fp8 --batch-size 16 --seq-length 2048
     --phase decode --framework vllm --objective cost --confidence 0.9"
expect 0 $ask --hardware nvidia-l4,nvidia-l40s,nvidia-h100-sxm --max-latency-ms 400 --json >ranked
[ "$(json ranked 'answer["primary"]["hardware"] is not None')" = True ]
[ "$(json ranked 'answer["primary"]["cost_per_1m"] > 0')" = True ]
[ "$(json ranked 'answer["primary"]["currency"]')" = EUR ]
rec=$(json ranked 'answer["recommendation_id"]')
expect 0 perfpredict feedback record "$rec" --accepted no --chosen nvidia-l40s --comment stock

# what has no price is unknown and not free
expect 0 $ask --hardware nvidia-l4,nvidia-a10 --max-latency-ms 4000 --json >ranked
price='{one["hardware"]: one["price_per_h"] for one in answer["candidates"]}["nvidia-a10"]'
[ "$(json ranked "$price")" = None ]
# no device keeps the limit: the answer is no, and the nearest one is named
expect 4 $ask --hardware nvidia-l4,nvidia-h100-sxm --max-latency-ms 0.01
said "the nearest is"
