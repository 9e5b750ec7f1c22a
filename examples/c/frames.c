/*
** frames.c -- libfal in a program that draws frames: one call, driven by
** looking in once a frame. No Lua anywhere.
**
**   cc frames.c ... && FAL_BASE_URL=http://127.0.0.1:8787 ./frames
*/
#include <stdio.h>

#include "../../src/core/fal.h"


int main (void) {
  const char input[] = "{\"prompt\":\"a red kite over the sea\"}";
  fal_run_request request = { .endpoint = "fal-ai/flux/schnell",
                              .input = input, .input_n = sizeof(input) - 1 };
  fal_error err = { FAL_OK };
  fal_engine *engine = fal_engine_new(NULL, &err);
  fal_client *client = engine ? fal_client_new(NULL, &err) : NULL;
  fal_op *op = client ? fal_run(engine, client, &request, &err) : NULL;
  int frames = 0;
  for (; op != NULL && !fal_op_done(op); frames++)
    fal_engine_step(engine, 1 / 60.0);   /* here a game would draw */
  if (op != NULL && fal_op_failed(op, &err) == FAL_OK)
    printf("%d frames: %.*s\n", frames, (int)fal_op_answer(op)->body_n,
           fal_op_answer(op)->body);
  else
    fprintf(stderr, "%s\n%s\n", err.message, err.hint);
  fal_op_free(op);
  fal_client_free(client);
  fal_engine_free(engine);
  return err.code != FAL_OK;
}
