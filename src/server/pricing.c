/*
** pricing.c -- GET /api/v1/models/pricing: what endpoints cost here (protocol
** 13.5), which is nothing
*/
#include <string.h>

#include "../core/json.h"
#include "serve.h"

#define MAX_IDS  50   /* of one question, as the platform has it */

typedef struct prices {
  fal_buf json;
  int n, failed;
} prices;


static enum MHD_Result add_price (void *to, enum MHD_ValueKind kind,
                                  const char *name, const char *id) {
  prices *p = to;
  (void)kind;
  if (strcmp(name, "endpoint_id") != 0 || id == NULL || p->n == MAX_IDS)
    return MHD_YES;
  fal_buf_addstr(&p->json, p->n++ > 0 ? ",{\"endpoint_id\":"
                                      : "{\"endpoint_id\":");
  if (fal_json_put_string(&p->json, id, strlen(id)) != FAL_OK)
    p->failed = 1;
  fal_buf_addstr(&p->json,
                 ",\"unit_price\":0,\"unit\":\"images\",\"currency\":\"USD\"}");
  return MHD_YES;
}


int serve_pricing (serve_request *r) {
  prices p;
  if (r->role != ROLE_API || strcmp(r->rest, "v1/models/pricing") != 0 ||
      !serve_reads(r))
    return 0;
  memset(&p, 0, sizeof(p));
  fal_buf_init(&p.json, 65536);
  fal_buf_addstr(&p.json, "{\"prices\":[");
  serve_each_arg(r, add_price, &p);
  fal_buf_addstr(&p.json, "],\"next_cursor\":null,\"has_more\":false}");
  if (p.failed || fal_buf_cstr(&p.json) == NULL) {
    fal_buf_free(&p.json);
    serve_answer_detail(&r->answer, MHD_HTTP_BAD_REQUEST, "bad_request",
                        "endpoint_id is no id of an endpoint");
  }
  else
    serve_answer_json(&r->answer, MHD_HTTP_OK, &p.json);
  return 1;
}
