#!/bin/sh
# A web endpoint of one's own: POST /generate with {"prompt": "..."} answers
# {"image_base64": "..."}, and 400 when the prompt is missing. The endpoint is
# examples/apps/generate.lua:
#
#   falua serve --apps examples/apps --listen 127.0.0.1:8787
#   FAL_BASE_URL=http://127.0.0.1:8787 examples/seeds/generate.sh [FOLDER]

out=${1:-out}
mkdir -p "$out" || exit 1

post () {
  curl --silent --show-error --output "$2" --write-out '%{http_code}\n' \
    --header "Content-Type: application/json" --data "$1" "$FAL_BASE_URL/generate"
}

post '{}' "$out/refused.json"
post '{"prompt": "a paper boat in the rain"}' "$out/answer.json"
sed 's/.*"image_base64" *: *"\([^"]*\)".*/\1/' "$out/answer.json" | base64 -d > "$out/boat.png"
echo "$out/boat.png"
