#!/bin/sh
# Submit, look, fetch: three processes that share nothing but a request id. The
# one that submits need not be there when the picture is.
#
#   FAL_BASE_URL=http://127.0.0.1:8787 examples/seeds/queue.sh [FOLDER]     falua serve
#   FAL_KEY=id:secret examples/seeds/queue.sh [FOLDER]                      fal.ai

falua=${FALUA:-build/falua}
out=${1:-out}
model=fal-ai/flux/schnell

id=$("$falua" -e "print(fal.check(fal.queue.submit('$model', { input = {
  prompt = 'a tram in the snow', image_size = 'square_hd' } })).request_id)") || exit
echo "submitted $id"
"$falua" status "$model" "$id" || exit
"$falua" result "$model" "$id" --overwrite --progress=none -o "$out/tram.{ext}"
