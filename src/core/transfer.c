/*
** transfer.c -- one HTTP exchange on a pooled easy handle
**
** What never changes is set once when a handle is made, what a client fixes
** when the handle last served another client; a plain JSON call then costs a
** handful of setopts. curl's callbacks fill buffers under their ceilings.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine.h"
#include "pollset.h"

#define POOL           1024   /* idle handles kept: about 6 KB each */
#define H2_CONNECTIONS 8L     /* to one host: each carries 100 calls or more */
#define FEW            16     /* calls that may have a wide buffer each */
#define WIDE           65536L /* a quarter of the system calls for what is big */
#define NARROW         16384L /* libcurl's own size */


/* Nothing is decompressed here: a success that is compressed stops at its
** first byte. A file is kept as it comes. */
static size_t on_body (char *s, size_t one, size_t n, void *ud) {
  fal_transfer *t = ud;
  (void)one;
  t->bytes += n;
  if (t->encoding[0] != '\0' && t->sink == NULL && t->status >= 200 &&
      t->status < 300)
    t->refused = FAL_EPROTOCOL;
  else if (t->feed != NULL && t->status >= 200 && t->status < 300)
    t->refused = t->feed(t->owner, s, n);
  else if (t->sink != NULL && t->status >= 200 && t->status < 300) {
    if (t->max_sink != 0 && t->bytes > t->max_sink)
      t->refused = FAL_ETOOBIG;
    else if (fal_file_write(t->sink, s, n) != 0)
      t->refused = FAL_EFILE;
  }
  else if (n > t->max_body - t->body->n)
    t->refused = FAL_ETOOBIG;
  else
    t->refused = fal_buf_add(t->body, s, n);
  return t->refused == FAL_OK ? n : 0;
}


/* "HTTP/1.1 200 OK": a new answer begins, what came before was a redirect, a
** 100, or a proxy's. */
static void new_answer (fal_transfer *t, const char *s, size_t n) {
  const char *space = memchr(s, ' ', n);
  t->head->n = 0;
  t->body->n = 0;
  t->bytes = 0;
  t->status = 0;
  t->encoding[0] = '\0';
  if (space != NULL) {
    const char *p = space + 1;
    while (p < s + n && *p >= '0' && *p <= '9' && t->status < 1000)
      t->status = t->status * 10 + (*p++ - '0');
  }
}


/* A body whose length is announced gets its room in one piece (up to 16 MB;
** beyond that it has to come first). */
static void expect_body (fal_transfer *t, const char *s, size_t n) {
  size_t length = 0, i = 15;
  while (i < n && s[i] == ' ')
    i++;
  for (; i < n && s[i] >= '0' && s[i] <= '9' && length < ((size_t)1 << 40); i++)
    length = length * 10 + (size_t)(s[i] - '0');
  if (t->sink != NULL || t->feed != NULL)
    return;
  if (length > t->max_body)
    t->refused = FAL_ETOOBIG;
  else if (length <= ((size_t)16 << 20))
    fal_buf_room(t->body, length);
}


/* "gzip\r\n", after the name. */
static void note_encoding (fal_transfer *t, const char *s, size_t n) {
  while (n > 0 && (*s == ' ' || *s == '\t')) {
    s++;
    n--;
  }
  while (n > 0 && (unsigned char)s[n - 1] <= ' ')
    n--;
  if (!(n == 8 && strncasecmp(s, "identity", 8) == 0))
    fal_copy_text(t->encoding, sizeof(t->encoding), s, n);
}


static size_t on_head (char *s, size_t one, size_t n, void *ud) {
  fal_transfer *t = ud;
  (void)one;
  if (n >= 5 && memcmp(s, "HTTP/", 5) == 0)
    new_answer(t, s, n);
  else if (n > t->max_head - t->head->n)
    t->refused = FAL_ETOOBIG;
  else if (n > 2 || (n > 0 && s[0] != '\r' && s[0] != '\n')) {
    t->refused = fal_buf_add(t->head, s, n);
    if (n > 15 && strncasecmp(s, "content-length:", 15) == 0)
      expect_body(t, s, n);
    else if (n > 17 && strncasecmp(s, "content-encoding:", 17) == 0)
      note_encoding(t, s + 17, n - 17);
  }
  return t->refused == FAL_OK ? n : 0;
}


static size_t on_read (char *to, size_t one, size_t n, void *ud) {
  fal_transfer *t = ud;
  fal_source *src = t->source;
  ssize_t k;
  (void)one;
  if (n > src->n - src->given)
    n = (size_t)(src->n - src->given);
  if (n == 0)
    return 0;
  if (src->s != NULL) {
    memcpy(to, src->s + src->offset + src->given, n);
    k = (ssize_t)n;
  }
  else do
    k = pread(src->fd, to, n, (off_t)(src->offset + src->given));
  while (k < 0 && errno == EINTR);
  if (k <= 0) {
    src->failed = k < 0 ? errno : -1;
    t->refused = FAL_EFILE;
    return CURL_READFUNC_ABORT;
  }
  src->given += (uint64_t)k;
  return (size_t)k;
}


/* libcurl begins anew on another connection. */
static int on_seek (void *ud, curl_off_t offset, int origin) {
  fal_source *src = ((fal_transfer *)ud)->source;
  if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > src->n)
    return CURL_SEEKFUNC_FAIL;
  src->given = (uint64_t)offset;
  return CURL_SEEKFUNC_OK;
}


/* Sockets are opened and closed here, so that the pollset knows for how long
** a descriptor is the same one. */
static curl_socket_t on_open (void *ud, curlsocktype purpose,
                              struct curl_sockaddr *a) {
  int fd = socket(a->family, a->socktype, a->protocol);
  (void)purpose;
  if (fd < 0)
    return CURL_SOCKET_BAD;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fal_pollset_keep(ud, fd, 1);
  return fd;
}


static int on_close (void *ud, curl_socket_t fd) {
  fal_pollset_set(ud, fd, 0);
  fal_pollset_keep(ud, fd, 0);
  return close(fd);
}


/* A request is about to be written. libcurl writes it a second time when a
** reused connection closes before any answer: what may have arrived must not
** be sent twice. */
static int on_request (void *ud, char *ip, char *local_ip, int port,
                       int local_port) {
  fal_transfer *t = ud;
  (void)ip; (void)local_ip; (void)port; (void)local_port;
  if (t->source != NULL)  /* libcurl seeks only when bytes were sent, not when
                             they were read and then could not be sent */
    t->source->given = 0;
  return t->issued++ > 0 && t->once ? CURL_PREREQFUNC_ABORT
                                    : CURL_PREREQFUNC_OK;
}


/* What is the same for every exchange. */
static void set_common (fal_transfer *t) {
  CURL *h = t->easy;
  fal_pollset *ps = t->engine->ps;
  curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, ps);
  curl_easy_setopt(h, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  curl_easy_setopt(h, CURLOPT_CLOSESOCKETDATA, ps);
  curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, on_request);
  curl_easy_setopt(h, CURLOPT_PREREQDATA, t);
  curl_easy_setopt(h, CURLOPT_PRIVATE, t);
  curl_easy_setopt(h, CURLOPT_ERRORBUFFER, t->message);
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_head);
  curl_easy_setopt(h, CURLOPT_HEADERDATA, t);
  curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(h, CURLOPT_READDATA, t);
  curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, on_seek);
  curl_easy_setopt(h, CURLOPT_SEEKDATA, t);
  curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(h, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
  curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS,
                   CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}


/* Nonzero when the environment names a proxy that libcurl would use. Asked
** once for a handle: libcurl would ask for every call. */
static int proxy_in_env (void) {
  static const char *const names[] = {
    "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL
  };
  int i;
  for (i = 0; names[i] != NULL; i++)
    if (getenv(names[i]) != NULL)
      return 1;
  return 0;
}


/* What a client fixes. A default CA folder switches libcurl's cache of the
** bundle off, so there is one or the other, never both. */
static void set_client (fal_transfer *t, fal_client *c) {
  CURL *h = t->easy;
  fal_client_free(t->set_for);
  t->set_for = fal_client_hold(c);
  t->headers = NULL;
  curl_easy_setopt(h, CURLOPT_PROXY, c->http_proxy);
  curl_easy_setopt(h, CURLOPT_NOPROXY, c->http_proxy == NULL &&
                   !proxy_in_env() ? "*" : c->no_proxy);
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS,
                   (long)(c->connect_timeout * 1000));
  curl_easy_setopt(h, CURLOPT_CAINFO, c->ca_file);
  curl_easy_setopt(h, CURLOPT_CAPATH, c->ca_path);
}


static fal_transfer *make (fal_engine *e) {
  fal_transfer *t = calloc(1, sizeof(*t));
  if (t == NULL)
    return NULL;
  t->engine = e;
  t->easy = curl_easy_init();
  if (t->easy == NULL) {
    free(t);
    return NULL;
  }
  t->address = curl_url();
  set_common(t);
  return t;
}


static fal_transfer *acquire (fal_engine *e) {
  fal_transfer *t = e->pool;
  if (t == NULL)
    return make(e);
  e->pool = t->next;
  e->npool--;
  return t;
}


void fal_transfer_free (fal_transfer *t) {
  if (t != NULL) {
    curl_easy_cleanup(t->easy);
    curl_url_cleanup(t->address);
    fal_client_free(t->set_for);
    free(t);
  }
}


/* The client's own lists name the user agent; as an option it would be made
** into a line again for every call. */
static void set_headers (fal_transfer *t, struct curl_slist *list) {
  const fal_client *c = t->set_for;
  if (t->headers != NULL && t->headers == list)
    return;
  t->headers = list;
  curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, list);
  curl_easy_setopt(t->easy, CURLOPT_USERAGENT,
                   list == c->json || list == c->bare || list == c->plain
                   ? NULL : c->user_agent);
}


/* Big answers come in bigger pieces while there are few calls: every piece
** costs libcurl two system calls. Not those of streams: libcurl hands on up to
** a hundred pieces before it returns, and events wait in memory. */
static void set_buffer (fal_transfer *t) {
  long size = t->engine->pending <= FEW && t->feed == NULL ? WIDE : NARROW;
  if (t->buffer != size)
    curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, t->buffer = size);
}


/* Given only as text, libcurl parses the URL and then writes it anew, letter
** by letter: a tenth of what a call costs it. What does not parse here is left
** to libcurl, which says what is wrong with it. */
static void set_url (fal_transfer *t, const char *url) {
  int parsed = t->address != NULL &&
               curl_url_set(t->address, CURLUPART_URL, url,
                            CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
  curl_easy_setopt(t->easy, CURLOPT_URL, url);
  curl_easy_setopt(t->easy, CURLOPT_CURLU, parsed ? t->address : NULL);
}


static void set_exchange (fal_transfer *t, const fal_exchange *x) {
  CURL *h = t->easy;
  int plain = x->has_body && x->method == NULL && !x->follow;
  if (!(plain && t->plain)) {
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)(x->source != NULL
                     ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_NONE));
    curl_easy_setopt(h, CURLOPT_UPLOAD, (long)(x->source != NULL));
    if (x->source != NULL)
      curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->source->n);
    else if (x->has_body)
      curl_easy_setopt(h, CURLOPT_POST, 1L);
    else
      curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
    if (x->method != NULL)
      curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, x->method);
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, (long)x->follow);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, 5L);
  }
  t->plain = plain;
  set_url(t, x->url);
  /* With TLS the handshake tells whether calls can share a connection, and
  ** waiting for that is worth it. Without, only the first answer would. */
  curl_easy_setopt(h, CURLOPT_PIPEWAIT,
                   (long)(strncasecmp(x->url, "https:", 6) == 0));
  set_headers(t, x->headers);
  if (x->has_body) {
    curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body_n);
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, x->body_n > 0 ? x->body : "");
  }
}


/* The first call to a TLS server: few connections until it has shown that
** it has no HTTP/2 (see learn_protocol). */
static void cap_connections (fal_engine *e, const char *url) {
  if (e->max_connections == 0 && !e->seen_h1 && !e->capped &&
      strncasecmp(url, "https:", 6) == 0) {
    e->capped = 1;
    curl_multi_setopt(e->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      H2_CONNECTIONS);
  }
}


fal_transfer *fal_transfer_start (fal_op *op, const fal_exchange *x,
                                  fal_error *err) {
  fal_transfer *t = acquire(op->engine);
  CURLMcode m;
  if (t == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  t->op = op;
  t->result = CURLE_OK;
  t->refused = FAL_OK;
  t->status = 0;
  t->encoding[0] = '\0';
  t->bytes = 0;
  t->message[0] = '\0';
  t->owner = x->owner;
  t->once = x->once;
  t->issued = 0;
  t->head = x->head_to != NULL ? x->head_to : &op->head;
  t->body = x->body_to != NULL ? x->body_to : &op->body;
  t->head->n = t->body->n = 0;
  t->max_head = x->max_head;
  t->max_body = x->max_body;
  t->sink = x->sink;
  t->max_sink = x->max_sink;
  t->source = x->source;
  if (t->source != NULL)
    t->source->given = 0;
  t->feed = x->feed;
  if (t->set_for != op->client)
    set_client(t, op->client);
  set_buffer(t);
  set_exchange(t, x);
  cap_connections(op->engine, x->url);
  m = curl_multi_add_handle(op->engine->multi, t->easy);
  if (m != CURLM_OK) {
    fal_fail(err, FAL_ENETWORK, "libcurl: %s", curl_multi_strerror(m));
    fal_transfer_free(t);
    return NULL;
  }
  t->active = 1;
  return t;
}


fal_transfer *fal_transfer_connect (fal_op *op, const char *url,
                                    fal_error *err) {
  fal_transfer *t = make(op->engine);
  if (t == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  t->op = op;
  t->head = &op->head;  /* of the proxy's answer */
  t->body = &op->body;
  t->max_head = t->max_body = FAL_MAX_HEAD;
  set_client(t, op->client);
  curl_easy_setopt(t->easy, CURLOPT_URL, url);
  curl_easy_setopt(t->easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(t->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  return t;
}


void fal_transfer_release (fal_transfer *t) {
  fal_engine *e;
  if (t == NULL)
    return;
  e = t->engine;
  if (t->active) {
    curl_multi_remove_handle(e->multi, t->easy);
    t->active = 0;
  }
  if (e->npool >= POOL) {
    fal_transfer_free(t);
    return;
  }
  t->op = NULL;  /* body and headers go with their owner; set anew in reuse */
  t->next = e->pool;
  e->pool = t;
  e->npool++;
}


void fal_transfer_pool_free (fal_engine *e) {
  fal_transfer *t;
  while ((t = e->pool) != NULL) {
    e->pool = t->next;
    fal_transfer_free(t);
  }
}


int fal_transfer_sent (const fal_transfer *t) {
  return t->issued > 0;
}


/* "127.0.0.1:8787", for messages: never the whole URL, which may be a
** signed one. */
static void where (const fal_transfer *t, char *to, size_t size) {
  char *url = NULL;
  const char *s, *end;
  curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
  s = url != NULL ? strstr(url, "://") : NULL;
  s = s != NULL ? s + 3 : "the server";
  end = s + strcspn(s, "/?#");
  if (s == url || url == NULL)
    end = s + strlen(s);
  fal_copy_text(to, size, s, (size_t)(end - s));
}


static fal_code refusal (const fal_transfer *t, const char *host,
                         fal_error *err) {
  if (t->refused == FAL_EFILE && t->source != NULL)
    return fal_fail(err, FAL_EFILE, "cannot read the file: %s",
                    t->source->failed > 0 ? strerror(t->source->failed)
                    : "it became shorter");
  if (t->refused == FAL_EFILE) {
    fal_fail(err, FAL_EFILE, "cannot write %s: %s", t->sink->path,
             strerror(t->sink->failed));
    fal_hint(err, "make room, or choose another folder");
  }
  else if (t->refused == FAL_ETOOBIG) {
    fal_fail(err, FAL_ETOOBIG, "the answer of %s is larger than %llu bytes",
             host, (unsigned long long)(t->sink != NULL && t->max_sink != 0
             ? t->max_sink : t->max_body));
    fal_hint(err, "raise max_response if such an answer is meant");
  }
  else if (t->refused == FAL_EPROTOCOL) {
    fal_fail(err, FAL_EPROTOCOL, "the answer of %s is compressed (%s), which "
             "is not understood here", host, t->encoding);
    fal_hint(err, "leave Accept-Encoding out of headers; if it is not there, "
             "something on the way compresses what nobody asked for");
  }
  else
    fal_fail(err, FAL_ENOMEM, "out of memory");
  return t->refused;
}


fal_code fal_transfer_failure (const fal_transfer *t, fal_error *err) {
  char host[128];
  const char *why = t->message[0] != '\0' ? t->message
                                          : curl_easy_strerror(t->result);
  if (t->result == CURLE_OK)
    return FAL_OK;
  where(t, host, sizeof(host));
  if (t->refused != FAL_OK)
    return refusal(t, host, err);
  switch (t->result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      fal_fail(err, FAL_ENETWORK, "the TLS certificate of %s does not "
               "verify: %s", host, why);
      fal_hint(err, "if it is signed by a CA of your own, name it: "
               "fal.config{ca_file = \"ca.pem\"} or SSL_CERT_FILE");
      break;
    case CURLE_COULDNT_RESOLVE_PROXY:  /* its text may have a password in it */
      fal_fail(err, FAL_ENETWORK, "cannot reach %s: the proxy is not found",
               host);
      fal_hint(err, "look at http_proxy, or HTTPS_PROXY and its like");
      break;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      fal_fail(err, FAL_ENETWORK, "%s ended the connection too early: %s",
               host, why);
      break;
    case CURLE_ABORTED_BY_CALLBACK:  /* on_request */
      fal_fail(err, FAL_ENETWORK, "%s ended the connection without an answer",
               host);
      fal_hint(err, "the call was not repeated, for it may have arrived");
      break;
    case CURLE_TOO_MANY_REDIRECTS:
      fal_fail(err, FAL_EPROTOCOL, "%s redirects in circles", host);
      break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      fal_fail(err, FAL_EPROTOCOL, "%s: %s", host, why);
      break;
    case CURLE_OUT_OF_MEMORY:
      return fal_fail(err, FAL_ENOMEM, "out of memory");
    case CURLE_OPERATION_TIMEDOUT:
      fal_fail(err, FAL_ETIMEOUT, "%s: %s", host, why);
      break;
    default:
      fal_fail(err, FAL_ENETWORK, "cannot reach %s: %s", host, why);
  }
  if (err != NULL)
    err->retryable = err->code == FAL_ENETWORK || err->code == FAL_ETIMEOUT;
  return err != NULL ? err->code : FAL_ENETWORK;
}
