#!/bin/sh
# The shortest way to a picture: one POST, no library at all. The answer is
# JSON with the picture's URL.
#
#   FAL_BASE_URL=http://127.0.0.1:8787 examples/seeds/curl.sh     falua serve
#   FAL_KEY=id:secret examples/seeds/curl.sh                      fal.ai
#
# The key goes to curl by its standard input: a command line is for all to see.

config=
[ -n "$FAL_KEY" ] && config="header = \"Authorization: Key $FAL_KEY\""

printf '%s\n' "$config" |
curl --silent --show-error --fail-with-body --config - \
  --header "Content-Type: application/json" \
  --data '{"prompt": "a mountain lake at sunset", "image_size": "landscape_4_3", "num_inference_steps": 4}' \
  "${FAL_BASE_URL:-https://fal.run}/fal-ai/flux/schnell"
