/*
** test_endpoint.c -- endpoint ids, URLs, and whose host is whose
*/
#include <stdlib.h>

#include "../../src/core/endpoint.h"
#include "../../src/core/fal.h"
#include "test.h"

/* An empty slice may point nowhere. */
#define CHECK_SLICE(what, slice, expected)                                  \
  CHECK_TEXT(what, (slice).n > 0 ? (slice).s : "", (slice).n, expected)


/*
** {======================================================
** Ids
** =======================================================
*/

static const struct {
  const char *id, *ns, *owner, *alias, *path;   /* owner NULL: refused */
  const char *with_path, *base;
} ids[] = {
  {"fal-ai/flux/dev", "", "fal-ai", "flux", "dev", "fal-ai/flux/dev",
   "fal-ai/flux"},
  {"acme/thing", "", "acme", "thing", "", "acme/thing", "acme/thing"},
  {"a/b/c/d/e", "", "a", "b", "c/d/e", "a/b/c/d/e", "a/b"},
  {"workflows/acme/poster/v2", "workflows", "acme", "poster", "v2",
   "workflows/acme/poster/v2", "workflows/acme/poster"},
  {"comfy/acme/graph", "comfy", "acme", "graph", "", "comfy/acme/graph",
   "comfy/acme/graph"},
  {"workflow/acme/x", "", "workflow", "acme", "x", "workflow/acme/x",
   "workflow/acme"},
  {"123-my-app", "", "123", "my-app", "", "123/my-app", "123/my-app"},
  {"1-a", "", "1", "a", "", "1/a", "1/a"},
  {"fal-ai/flux-pro/v1.1", "", "fal-ai", "flux-pro", "v1.1",
   "fal-ai/flux-pro/v1.1", "fal-ai/flux-pro"},
  {"a_b/c~d/e@f+g:h", "", "a_b", "c~d", "e@f+g:h", "a_b/c~d/e@f+g:h",
   "a_b/c~d"},

  {"", 0, 0, 0, 0, 0, 0},
  {"flux", 0, 0, 0, 0, 0, 0},
  {"/", 0, 0, 0, 0, 0, 0},
  {"fal-ai/", 0, 0, 0, 0, 0, 0},
  {"/flux", 0, 0, 0, 0, 0, 0},
  {"fal-ai//flux", 0, 0, 0, 0, 0, 0},
  {"fal-ai/flux/", 0, 0, 0, 0, 0, 0},
  {"fal-ai/../flux", 0, 0, 0, 0, 0, 0},
  {"./flux", 0, 0, 0, 0, 0, 0},
  {"fal-ai/flux/..", 0, 0, 0, 0, 0, 0},
  {"workflows/acme", 0, 0, 0, 0, 0, 0},
  {"comfy/", 0, 0, 0, 0, 0, 0},
  {"fal-ai/flux dev", 0, 0, 0, 0, 0, 0},
  {"fal-ai/flux\r\nHost: evil", 0, 0, 0, 0, 0, 0},
  {"fal-ai/flux?x=1", 0, 0, 0, 0, 0, 0},
  {"fal-ai/flux#x", 0, 0, 0, 0, 0, 0},
  {"fal-ai/flux%2f..", 0, 0, 0, 0, 0, 0},
  {"fal-ai\\flux", 0, 0, 0, 0, 0, 0},
  {"fal-ai/fl\xC3\xBCx", 0, 0, 0, 0, 0, 0},
  {"https://fal.run/fal-ai/flux", 0, 0, 0, 0, 0, 0},
  {"http://a/b", 0, 0, 0, 0, 0, 0},
  {"@evil.com/x\x7f", 0, 0, 0, 0, 0, 0},
  {"-my-app", 0, 0, 0, 0, 0, 0},
  {"123-", 0, 0, 0, 0, 0, 0},
  {"123-my_app", 0, 0, 0, 0, 0, 0},
  {"123", 0, 0, 0, 0, 0, 0},
};


static void check_put (const char *id, const fal_endpoint *ep, int with_path,
                       const char *expected) {
  fal_buf b;
  fal_buf_init(&b, 1024);
  CHECK(id, fal_endpoint_put(ep, with_path, &b) == FAL_OK);
  CHECK_TEXT(id, b.s, b.n, expected);
  fal_buf_free(&b);
  fal_buf_init(&b, 2);   /* too small: an error, not a cut */
  CHECK(id, fal_endpoint_put(ep, with_path, &b) == FAL_ETOOBIG);
  fal_buf_free(&b);
}


/* Copied to its exact size, so that reading past its end is found. */
static char *exactly (const char *s) {
  size_t n = strlen(s);
  char *copy = malloc(n > 0 ? n : 1);
  memcpy(copy, s, n);
  return copy;
}


static void run_ids (void) {
  size_t i;
  for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
    const char *id = ids[i].id;
    char *s = exactly(id);
    fal_endpoint ep;
    fal_error err;
    fal_code code = fal_endpoint_parse(s, strlen(id), &ep, &err);
    if (ids[i].owner == NULL) {
      CHECK(id, code == FAL_EVALIDATION && err.code == code);
      CHECK(id, strstr(err.message, "endpoint id") != NULL);
      CHECK(id, strstr(err.hint, "owner/alias") != NULL);
      CHECK(id, fal_endpoint_parse(s, strlen(id), &ep, NULL) == code);
    }
    else {
      CHECK(id, code == FAL_OK);
      CHECK_SLICE(id, ep.ns, ids[i].ns);
      CHECK_SLICE(id, ep.owner, ids[i].owner);
      CHECK_SLICE(id, ep.alias, ids[i].alias);
      CHECK_SLICE(id, ep.path, ids[i].path);
      check_put(id, &ep, 1, ids[i].with_path);
      check_put(id, &ep, 0, ids[i].base);
    }
    free(s);
  }
}


static void long_ids (void) {
  char id[300];
  fal_endpoint ep;
  fal_error err;
  memset(id, 'a', sizeof(id));
  id[1] = '/';
  CHECK("256 bytes", fal_endpoint_parse(id, 256, &ep, &err) == FAL_OK);
  CHECK("257 bytes",
        fal_endpoint_parse(id, 257, &ep, &err) == FAL_EVALIDATION);
  CHECK("a NUL in it",
        fal_endpoint_parse("a/b\0c", 5, &ep, &err) == FAL_EVALIDATION);
}

/* }====================================================== */


/*
** {======================================================
** URLs
** =======================================================
*/

static const struct {
  const char *url, *scheme, *host;   /* scheme NULL: refused */
  int port;
  const char *path;
} urls[] = {
  {"https://fal.run", "https", "fal.run", 443, ""},
  {"https://fal.run/", "https", "fal.run", 443, "/"},
  {"HTTP://Fal.Run/a?b#c", "HTTP", "Fal.Run", 80, "/a?b#c"},
  {"http://127.0.0.1:8787/x", "http", "127.0.0.1", 8787, "/x"},
  {"https://[::1]:8443/x", "https", "::1", 8443, "/x"},
  {"https://[2001:db8::1]", "https", "2001:db8::1", 443, ""},
  {"ws://h/x", "ws", "h", 0, "/x"},
  {"https://h?q", "https", "h", 443, "?q"},
  {"https://h#f", "https", "h", 443, "#f"},
  {"https://h:65535", "https", "h", 65535, ""},
  {"https://h/a@b", "https", "h", 443, "/a@b"},
  {"https://h/a:b", "https", "h", 443, "/a:b"},
  {"https://evil.com/?@fal.run", "https", "evil.com", 443, "/?@fal.run"},
  {"https://evil.com#@fal.run", "https", "evil.com", 443, "#@fal.run"},

  {"", 0, 0, 0, 0},
  {"fal.run", 0, 0, 0, 0},
  {"//fal.run", 0, 0, 0, 0},
  {"://fal.run", 0, 0, 0, 0},
  {"https:/fal.run", 0, 0, 0, 0},
  {"https:fal.run", 0, 0, 0, 0},
  {"https://", 0, 0, 0, 0},
  {"https:///path", 0, 0, 0, 0},
  {"https://:443", 0, 0, 0, 0},
  {"https://user@fal.run", 0, 0, 0, 0},
  {"https://fal.run@evil.com/", 0, 0, 0, 0},
  {"https://fal.run:443@evil.com/", 0, 0, 0, 0},
  {"https://evil.com\\@fal.run/", 0, 0, 0, 0},
  {"https://evil.com\\.fal.run/", 0, 0, 0, 0},
  {"https://evil.com /", 0, 0, 0, 0},
  {" https://fal.run", 0, 0, 0, 0},
  {"https://fal.run/a\r\nX: y", 0, 0, 0, 0},
  {"https://fal.run/\x7f", 0, 0, 0, 0},
  {"https://h:", 0, 0, 0, 0},
  {"https://h:x", 0, 0, 0, 0},
  {"https://h:-1", 0, 0, 0, 0},
  {"https://h:65536", 0, 0, 0, 0},
  {"https://h:99999999999999999999", 0, 0, 0, 0},
  {"https://h:80:90", 0, 0, 0, 0},
  {"https://[::1", 0, 0, 0, 0},
  {"https://[]", 0, 0, 0, 0},
  {"https://[::1]x", 0, 0, 0, 0},
  {"https://::1/", 0, 0, 0, 0},
};


static void run_urls (void) {
  fal_url none;
  size_t i;
  CHECK("nothing", fal_url_split(NULL, 0, &none) == -1);
  for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
    const char *url = urls[i].url;
    char *s = exactly(url);
    fal_url u;
    int r = fal_url_split(s, strlen(url), &u);
    CHECK(url, r == (urls[i].scheme != NULL ? 0 : -1));
    if (r == 0 && urls[i].scheme != NULL) {
      CHECK_SLICE(url, u.scheme, urls[i].scheme);
      CHECK_SLICE(url, u.host, urls[i].host);
      CHECK_SLICE(url, u.path, urls[i].path);
      CHECK(url, u.port == urls[i].port);
    }
    free(s);
  }
}

/* }====================================================== */


/*
** {======================================================
** Hosts
** =======================================================
*/

static const struct { const char *host, *domain; int within; } hosts[] = {
  {"fal.run", "fal.run", 1},
  {"FAL.run", "fal.run", 1},
  {"queue.fal.run", "fal.run", 1},
  {"a.b.fal.run", "fal.run", 1},
  {"evilfal.run", "fal.run", 0},
  {"fal.run.evil.com", "fal.run", 0},
  {"fal.runs", "fal.run", 0},
  {"al.run", "fal.run", 0},
  {"run", "fal.run", 0},
  {"", "fal.run", 0},
  {"fal-run", "fal.run", 0},
  {"xfal.run.", "fal.run", 0},
  {"fal.ai", "fal.run", 0},
};

static const struct { const char *host; int is; } loopbacks[] = {
  {"localhost", 1}, {"LOCALHOST", 1}, {"127.0.0.1", 1}, {"127.255.0.9", 1},
  {"::1", 1},
  {"", 0}, {"localhost.evil.com", 0}, {"xlocalhost", 0}, {"127.0.0.1.evil", 0},
  {"127.evil.com", 0}, {"128.0.0.1", 0}, {"127.0.0", 0}, {"127.0.0.256", 0},
  {"127.0.0.1.", 0}, {"127.0.0.0.1", 0}, {"1127.0.0.1", 0}, {"::2", 0},
};


static void run_hosts (void) {
  size_t i;
  for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
    fal_slice h;
    char *s = exactly(hosts[i].host);
    h.s = s;
    h.n = strlen(hosts[i].host);
    CHECK(hosts[i].host,
          fal_host_within(h, hosts[i].domain) == hosts[i].within);
    free(s);
  }
  for (i = 0; i < sizeof(loopbacks) / sizeof(loopbacks[0]); i++) {
    fal_slice h;
    char *s = exactly(loopbacks[i].host);
    h.s = s;
    h.n = strlen(loopbacks[i].host);
    CHECK(loopbacks[i].host, fal_host_is_loopback(h) == loopbacks[i].is);
    free(s);
  }
}

/* }====================================================== */


/*
** {======================================================
** The addresses of a client
** =======================================================
*/

static const struct {
  const char *base, *run;    /* options, NULL: not given */
  const char *env_base, *env_run;
  const char *expected_run, *expected_queue;   /* NULL: refused */
} addresses[] = {
  {0, 0, 0, 0, "https://fal.run", "https://queue.fal.run"},
  {"http://h:1", 0, 0, 0, "http://h:1", "http://h:1/queue"},
  {"http://h:1/", 0, 0, 0, "http://h:1", "http://h:1/queue"},
  {"http://h:1/a/", 0, 0, 0, "http://h:1/a", "http://h:1/a/queue"},
  {0, 0, "http://e:2", 0, "http://e:2", "http://e:2/queue"},
  {"http://h:1", 0, "http://e:2", 0, "http://h:1", "http://h:1/queue"},
  {0, 0, 0, "r:3", "https://r:3", "https://queue.fal.run"},
  {0, 0, "http://e:2", "r:3", "http://e:2", "http://e:2/queue"},
  {0, "http://o:4", "http://e:2", "r:3", "http://o:4", "http://e:2/queue"},
  {0, 0, "", "", "https://fal.run", "https://queue.fal.run"},

  {"h:1", 0, 0, 0, 0, 0},
  {"ftp://h", 0, 0, 0, 0, 0},
  {"ftp://h:21", 0, 0, 0, 0, 0},
  {0, "httpx://h:80", 0, 0, 0, 0},
  {"http://user@h", 0, 0, 0, 0, 0},
  {"http://h/?x", 0, 0, 0, 0, 0},
  {"http://h/#x", 0, 0, 0, 0, 0},
  {"http://h /", 0, 0, 0, 0, 0},
  {0, "http://a\r\nb", 0, 0, 0, 0},
  {0, 0, 0, "a b", 0, 0},
};


static void set_env (const char *name, const char *value) {
  if (value != NULL)
    setenv(name, value, 1);
  else
    unsetenv(name);
}


static void run_addresses (void) {
  size_t i;
  for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
    char name[32];
    fal_client_options o;
    fal_client *c;
    fal_error err;
    snprintf(name, sizeof(name), "address %d", (int)i);
    set_env("FAL_BASE_URL", addresses[i].env_base);
    set_env("FAL_RUN_HOST", addresses[i].env_run);
    fal_client_options_init(&o);
    o.base_url = addresses[i].base;
    o.hosts[FAL_ROLE_RUN] = addresses[i].run;
    c = fal_client_new(&o, &err);
    CHECK(name, (c != NULL) == (addresses[i].expected_run != NULL));
    if (c != NULL && addresses[i].expected_run != NULL) {
      CHECK(name, strcmp(fal_client_host(c, FAL_ROLE_RUN),
                         addresses[i].expected_run) == 0);
      CHECK(name, strcmp(fal_client_host(c, FAL_ROLE_QUEUE),
                         addresses[i].expected_queue) == 0);
    }
    else if (c == NULL)
      CHECK(name, err.code == FAL_EVALIDATION && err.hint[0] != '\0');
    fal_client_free(c);
  }
  set_env("FAL_BASE_URL", NULL);
  set_env("FAL_RUN_HOST", NULL);
}


static const struct { const char *option, *key, *id, *secret; int has; }
keys[] = {
  {0, 0, 0, 0, 0},
  {0, "a:b", 0, 0, 1},
  {0, "", 0, 0, 0},
  {0, 0, "a", "b", 1},
  {0, 0, "a", 0, 0},
  {0, "", "a", "b", 1},
  {"a:b", 0, 0, 0, 1},
  {"", "a:b", "a", "b", 0},   /* no key at all, on purpose */
};


static void run_keys (void) {
  size_t i;
  for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    char name[32];
    fal_client_options o;
    fal_client *c;
    snprintf(name, sizeof(name), "key %d", (int)i);
    set_env("FAL_KEY", keys[i].key);
    set_env("FAL_KEY_ID", keys[i].id);
    set_env("FAL_KEY_SECRET", keys[i].secret);
    fal_client_options_init(&o);
    o.credentials = keys[i].option;
    c = fal_client_new(&o, NULL);
    CHECK(name, c != NULL && fal_client_has_key(c) == keys[i].has);
    fal_client_free(c);
  }
  set_env("FAL_KEY", NULL);
  set_env("FAL_KEY_ID", NULL);
  set_env("FAL_KEY_SECRET", NULL);
}


static void hostile_settings (void) {
  static const char *const lines[][2] = {
    { "X-A: b\r\nX-Evil: c", NULL }, { "X-A: b\nX-Evil: c", NULL },
    { "no colon", NULL }, { ": no name", NULL },
  };
  fal_client_options o;
  fal_error err;
  size_t i;
  for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
    fal_client_options_init(&o);
    o.headers = lines[i];
    CHECK(lines[i][0], fal_client_new(&o, &err) == NULL);
    CHECK(lines[i][0], err.code == FAL_EVALIDATION);
    CHECK(lines[i][0], strstr(err.message, "Evil") == NULL);
  }
  fal_client_options_init(&o);
  o.credentials = "secret-key-value\n";
  CHECK("a key with a line break", fal_client_new(&o, &err) == NULL);
  CHECK("a key with a line break", err.code == FAL_EAUTH);
  CHECK("a key with a line break",
        strstr(err.message, "secret-key-value") == NULL);
}

/* }====================================================== */


int main (void) {
  unsetenv("FAL_QUEUE_RUN_HOST");
  set_env("FAL_KEY", NULL);
  run_ids();
  long_ids();
  run_urls();
  run_hosts();
  run_addresses();
  run_keys();
  hostile_settings();
  return TEST_END("endpoint");
}
