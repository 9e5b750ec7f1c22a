/*
** client.c -- settings: hosts, credentials, certificates
*/
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "credentials.h"
#include "endpoint.h"
#include "engine.h"


/* fal's own hosts, and what a role is called below one base URL. */
static const struct { const char *host, *below; } roles[FAL_ROLES] = {
  { "https://fal.run", "" },
  { "https://queue.fal.run", "/queue" },
  { "https://rest.fal.ai", "/rest" },
  { "https://v3.fal.media", "" },
  { "wss://fal.run", "" },
  { "https://api.fal.ai", "/api" },
};


void fal_client_options_init (fal_client_options *opt) {
  memset(opt, 0, sizeof(*opt));
  opt->retry.max = 3;
  opt->retry.base_delay = 0.5;
  opt->retry.max_delay = 30;
}


/* A variable that is set and not empty. */
static const char *env (const char *name) {
  const char *v = getenv(name);
  return v != NULL && v[0] != '\0' ? v : NULL;
}


/* a and b in one new string; the slashes that end it are dropped. */
static char *join (const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  char *s = malloc(n + m + 1);
  if (s != NULL) {
    memcpy(s, a, n);
    memcpy(s + n, b, m + 1);
    for (n += m; n > 0 && s[n - 1] == '/'; n--)
      s[n - 1] = '\0';
  }
  return s;
}


/* A base URL and the path of a role below it. */
static char *below (const char *base, const char *path) {
  char *trimmed = join(base, "");
  char *url = trimmed != NULL ? join(trimmed, path) : NULL;
  free(trimmed);
  return url;
}


/* A host by name, or a whole URL. */
static char *from_host (const char *host) {
  return strstr(host, "://") != NULL ? join(host, "")
                                     : join("https://", host);
}


/* http://x for a socket is ws://x. Takes 'url' over. */
static char *socket_url (char *url) {
  if (url != NULL && strncasecmp(url, "http", 4) == 0) {
    char *s = join("ws", url + 4);
    free(url);
    url = s;
  }
  return url;
}


/* The base URL of a role: an option, the environment, fal's own. */
static char *pick_host (const fal_client_options *opt, fal_role role) {
  const char *base = opt->base_url != NULL ? opt->base_url
                                           : env("FAL_BASE_URL");
  const char *host = opt->hosts[role];
  char *url;
  if (host == NULL && base == NULL) {
    if (role == FAL_ROLE_RUN || role == FAL_ROLE_REALTIME)
      host = env("FAL_RUN_HOST");
    else if (role == FAL_ROLE_QUEUE)
      host = env("FAL_QUEUE_RUN_HOST");
  }
  if (host != NULL)
    url = from_host(host);
  else
    url = base != NULL ? below(base, roles[role].below)
                       : join(roles[role].host, "");
  return role == FAL_ROLE_REALTIME ? socket_url(url) : url;
}


static fal_code check_host (const char *url, fal_role role, fal_error *err) {
  fal_url u;
  int ok = fal_url_split(url, strlen(url), &u) == 0;
  if (ok && role == FAL_ROLE_REALTIME)
    ok = (u.scheme.n == 2 && strncasecmp(u.scheme.s, "ws", 2) == 0) ||
         (u.scheme.n == 3 && strncasecmp(u.scheme.s, "wss", 3) == 0);
  else if (ok)
    ok = u.port != 0 &&
         ((u.scheme.n == 4 && strncasecmp(u.scheme.s, "http", 4) == 0) ||
          (u.scheme.n == 5 && strncasecmp(u.scheme.s, "https", 5) == 0));
  if (ok && memchr(u.path.s, '?', u.path.n) == NULL &&
      memchr(u.path.s, '#', u.path.n) == NULL)
    return FAL_OK;
  fal_fail(err, FAL_EVALIDATION, "'%.100s' is not the address of a host",
           fal_url_shown(url));
  fal_hint(err, "write it as https://host[:port][/path]");
  return FAL_EVALIDATION;
}


static int is_fals (fal_slice host) {
  return fal_host_within(host, "fal.run") || fal_host_within(host, "fal.ai");
}


/* fal's own hosts speak TLS; without, anybody on the way reads the key. */
static fal_code check_scheme (const char *url, fal_error *err) {
  fal_url u;
  fal_url_split(url, strlen(url), &u);
  if ((u.scheme.n == 4 || u.scheme.n == 2) && is_fals(u.host)) {
    fal_fail(err, FAL_EVALIDATION, "'%.100s' would carry the key in the clear",
             url);
    fal_hint(err, "fal's own hosts are written with https://");
    return FAL_EVALIDATION;
  }
  return FAL_OK;
}


/* Nonzero when 'path' is a folder of certificates by hash (0a1b2c3d.0): then
** only the one that is needed gets read. */
static int is_hashed (const char *path) {
  DIR *d = opendir(path);
  struct dirent *f;
  int found = 0;
  if (d == NULL)
    return 0;
  while (!found && (f = readdir(d)) != NULL)
    found = strlen(f->d_name) == 10 && f->d_name[8] == '.' &&
            strspn(f->d_name, "0123456789abcdef") == 8;
  closedir(d);
  return found;
}


static void pick_certificates (fal_client *c, const fal_client_options *opt) {
  const char *file = opt->ca_file != NULL ? opt->ca_file
                                          : env("SSL_CERT_FILE");
#if LIBCURL_VERSION_NUM >= 0x074600   /* it tells where its own are */
  curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
  if (file == NULL && v->capath != NULL && is_hashed(v->capath))
    c->ca_path = strdup(v->capath);
  else if (file == NULL)
    file = v->cainfo;
#endif
  if (file != NULL)
    c->ca_file = strdup(file);
}


/* The hosts that no proxy stands before: those of the environment, and this
** machine. */
static char *exempt (void) {
  static const char here[] = "localhost,127.0.0.1,::1";
  const char *given = env("no_proxy") != NULL ? env("no_proxy")
                                              : env("NO_PROXY");
  char *s;
  if (given == NULL || strcmp(given, "*") == 0)
    return strdup(given != NULL ? given : here);
  s = malloc(strlen(given) + sizeof(here) + 1);
  if (s != NULL)
    sprintf(s, "%s,%s", given, here);
  return s;
}


static int has_agent (const struct curl_slist *x) {
  for (; x != NULL; x = x->next)
    if (strncasecmp(x->data, "user-agent:", 11) == 0)
      return 1;
  return 0;
}


/* Adds the user agent to the headers of downloads, and to those of JSON calls
** unless the user's own have one. */
static fal_code name_agent (fal_client *c, fal_error *err) {
  fal_buf line;
  const char *s;
  fal_buf_init(&line, 65536);
  fal_buf_addf(&line, "User-Agent: %s", c->user_agent);
  s = fal_buf_cstr(&line) != NULL ? line.s : "";
  c->plain = fal_add_header(NULL, s, err);
  if (c->plain != NULL && !has_agent(c->extra))
    c->json = fal_add_header(c->json, s, err);
  fal_buf_free(&line);
  return c->plain != NULL && c->json != NULL ? FAL_OK
         : err != NULL ? err->code : FAL_ENOMEM;
}


/* Are the hosts that get the key fal's own? Only they get a login. */
static int all_fals (const fal_client *c) {
  static const fal_role keyed[] = {
    FAL_ROLE_RUN, FAL_ROLE_QUEUE, FAL_ROLE_REST, FAL_ROLE_API
  };
  fal_url u;
  size_t i;
  for (i = 0; i < sizeof(keyed) / sizeof(keyed[0]); i++) {
    const char *host = c->hosts[keyed[i]];
    if (fal_url_split(host, strlen(host), &u) != 0 || !is_fals(u.host))
      return 0;
  }
  return 1;
}


static fal_code fill (fal_client *c, const fal_client_options *opt,
                      fal_error *err) {
  int i;
  fal_code code;
  for (i = 0; i < FAL_ROLES; i++) {
    c->hosts[i] = pick_host(opt, (fal_role)i);
    if (c->hosts[i] == NULL)
      return fal_fail(err, FAL_ENOMEM, "out of memory");
    if ((code = check_host(c->hosts[i], (fal_role)i, err)) != FAL_OK ||
        (code = check_scheme(c->hosts[i], err)) != FAL_OK)
      return code;
  }
  if (opt->proxy_url != NULL) {
    if ((code = check_host(opt->proxy_url, FAL_ROLE_RUN, err)) != FAL_OK)
      return code;
    c->proxy_url = strdup(opt->proxy_url);
  }
  c->credentials = opt->credentials != NULL ? strdup(opt->credentials)
    : opt->proxy_url != NULL ? strdup("")
    : fal_credentials_found(all_fals(c), &c->login_until);
  c->user_agent = strdup(opt->user_agent != NULL ? opt->user_agent
                                                 : "fal-lua/" FAL_VERSION);
  c->http_proxy = opt->http_proxy != NULL ? strdup(opt->http_proxy) : NULL;
  c->no_proxy = exempt();
  pick_certificates(c, opt);
  c->max_response = opt->max_response != 0 ? opt->max_response
                                           : (size_t)256 << 20;
  c->timeout = opt->timeout;
  c->retry = opt->retry;
  c->connect_timeout = opt->connect_timeout > 0 ? opt->connect_timeout : 30;
  for (i = 0; opt->headers != NULL && opt->headers[i] != NULL; i++)
    if ((c->extra = fal_add_header(c->extra, opt->headers[i], err)) == NULL)
      return err != NULL ? err->code : FAL_EVALIDATION;
  if (c->credentials == NULL || c->user_agent == NULL || c->no_proxy == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  if ((code = fal_credentials_check(c->credentials, err)) != FAL_OK)
    return code;
  c->json = fal_client_headers(c, c->credentials);
  if (c->json == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  c->bare = c->json->next->next;
  return name_agent(c, err);
}


fal_client *fal_client_new (const fal_client_options *opt, fal_error *err) {
  fal_client_options none;
  fal_client *c = calloc(1, sizeof(*c));
  if (c == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  c->refs = 1;
  if (opt == NULL) {
    fal_client_options_init(&none);
    opt = &none;
  }
  if (fill(c, opt, err) != FAL_OK) {
    fal_client_free(c);
    return NULL;
  }
  return c;
}


fal_client *fal_client_hold (fal_client *c) {
  c->refs++;
  return c;
}


void fal_client_free (fal_client *c) {
  int i;
  if (c == NULL || --c->refs > 0)
    return;
  for (i = 0; i < FAL_ROLES; i++)
    free(c->hosts[i]);
  free(c->ca_file);
  free(c->ca_path);
  free(c->proxy_url);
  free(c->http_proxy);
  free(c->no_proxy);
  free(c->user_agent);
  fal_wipe(c->credentials);
  free(c->credentials);
  fal_headers_free(c->json);
  curl_slist_free_all(c->plain);
  curl_slist_free_all(c->extra);
  free(c);
}


const char *fal_client_host (const fal_client *c, fal_role role) {
  return c->hosts[role];
}


int fal_client_has_key (const fal_client *c) {
  return c->credentials[0] != '\0';
}


double fal_client_login (const fal_client *c) {
  return strncmp(c->credentials, "Bearer ", 7) == 0 ? c->login_until : -1;
}


const char *fal_client_certificates (const fal_client *c) {
  return c->ca_file != NULL ? c->ca_file : c->ca_path;
}


fal_code fal_client_scrub (const fal_client *c, const char *s, size_t n,
                           fal_buf *out) {
  const char *key = c->credentials, *colon = strchr(key, ':');
  const char *secret = colon != NULL ? colon + 1 : key;
  const char *end = s + n;
  size_t key_n = strlen(key), secret_n = strlen(secret);
  while (s < end && secret_n >= 8) {
    const char *p = memmem(s, (size_t)(end - s), secret, secret_n);
    const char *from = p;
    if (p == NULL)
      break;
    if ((size_t)(p - s) >= key_n - secret_n &&
        memcmp(p - (key_n - secret_n), key, key_n) == 0)
      from = p - (key_n - secret_n);
    if (fal_buf_add(out, s, (size_t)(from - s)) != FAL_OK ||
        fal_buf_add(out, "KEY", 3) != FAL_OK)
      return FAL_ENOMEM;
    s = p + secret_n;
  }
  return fal_buf_add(out, s, (size_t)(end - s));
}


/* Is 'u' at the host of a role, or below it? */
static int is_at (const fal_client *c, fal_role role, const fal_url *u) {
  fal_url host;
  char name[256];
  if (fal_url_split(c->hosts[role], strlen(c->hosts[role]), &host) != 0 ||
      host.host.n >= sizeof(name))
    return 0;
  memcpy(name, host.host.s, host.host.n);
  name[host.host.n] = '\0';
  return host.scheme.n == u->scheme.n && host.port == u->port &&
         fal_host_within(u->host, name);
}


int fal_client_trusts (const fal_client *c, const char *url, size_t n) {
  const char *rest = c->hosts[FAL_ROLE_REST];
  fal_url u, own;
  if (fal_url_split(url, n, &u) != 0 || u.port == 0)
    return 0;
  if (is_at(c, FAL_ROLE_REST, &u) || is_at(c, FAL_ROLE_CDN, &u))
    return 1;
  return fal_url_split(rest, strlen(rest), &own) == 0 && is_fals(own.host) &&
         u.scheme.n == 5 && fal_host_within(u.host, "fal.media");
}


fal_code fal_client_check_key (const fal_client *c, fal_role role,
                               const char *credentials, fal_error *err) {
  fal_url u;
  if (credentials == c->credentials && c->login_until > 0 &&
      (double)time(NULL) >= c->login_until) {
    fal_fail(err, FAL_EAUTH, "the login stored on this machine has expired");
    fal_hint(err, "log in again (`fal auth login`), or set FAL_KEY "
             "(https://fal.ai/dashboard/keys makes one)");
    return FAL_EAUTH;
  }
  if (credentials[0] != '\0')
    return fal_credentials_check(credentials, err);
  if (c->proxy_url != NULL)
    return FAL_OK;
  if (fal_url_split(c->hosts[role], strlen(c->hosts[role]), &u) == 0 &&
      !is_fals(u.host))
    return FAL_OK;
  fal_fail(err, FAL_EAUTH, "no key for %.*s", (int)u.host.n, u.host.s);
  if (fal_credentials_forced())
    fal_hint(err, "FAL_FORCE_AUTH_BY_USER is set, and no login is stored: "
             "`fal auth login` makes one");
  else
    fal_hint(err, "set FAL_KEY (https://fal.ai/dashboard/keys makes one), or "
             "work offline with `falua --local` or FAL_BASE_URL pointing at "
             "`falua serve`");
  return FAL_EAUTH;
}
