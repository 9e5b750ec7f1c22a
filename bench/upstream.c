/*
** upstream.c -- the fixed server every contestant is measured against
**
** One thread, one epoll, HTTP/1.1 with keep-alive, no allocation once a
** connection stands: it must be cheaper than any client. Listens on a free
** port of 127.0.0.1 and prints it; ends when the reader of its output goes
** away. What it answers, at the paths of a plain FAL_BASE_URL:
**
**   POST /fal-ai/bench                 a small result
**   POST /fal-ai/wait                  the same 100 ms later
**   POST /fal-ai/big                   a result that holds 1 MiB of picture
**   POST /fal-ai/events/N/stream       N events, as fast as they are taken
**   POST /fal-ai/quick                 a result whose picture is here; as a job
**                                      it is COMPLETED at the first look
**   GET  /files/...                    that picture
**   GET  /fal-ai/bench/realtime        a WebSocket that sends back every frame
**   POST /queue/fal-ai/bench           accepts a job
**   GET  /queue/.../ID/status          IN_QUEUE, then IN_PROGRESS, then COMPLETED
**   GET  /queue/.../ID/status/stream   the three as events, 100 ms apart
**   GET  /queue/.../ID                 the small result
**   POST /rest/tokens/...              a token
**   POST /rest/storage/upload/...      where to put a file
**   PUT  /put...                       takes bytes and forgets them
**   GET  /count                        how many requests there were so far
*/
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD   65536
#define MAX_JOBS (1u << 20)
#define BATCH    256
#define DELAY_MS 100
#define PICTURE  1048576
#define BURST    512            /* events that are sent from one buffer */

typedef struct Conn {
  size_t n;                     /* bytes in 'in' */
  unsigned gen;                 /* which connection of this descriptor */
  int websocket, waits_out;
  uint64_t skip;                /* bytes of a body still to be thrown away */
  unsigned job;                 /* whose status is streamed */
  const char *tail;             /* what is sent after 'out', 'times' times */
  size_t tail_n, tail_at;
  long times;
  size_t out_n, out_at;
  char out[2048];
  char in[8192];                /* one request, or WebSocket frames */
} Conn;

typedef struct Later {
  long due;
  int fd;
  unsigned gen;
} Later;

static Conn *conns[MAX_FD];
static unsigned gens[MAX_FD];
static Later later[MAX_FD];     /* a ring: every delay is the same */
static size_t first, waiting;
static int ep;
static unsigned char polls[MAX_JOBS];
static unsigned jobs;
static unsigned long requests;

static const char result[] =
  "{\"images\":[{\"url\":\"https://v3.fal.media/files/b/panda/"
  "Vq8tXn2LrZ0cJmW5aHs7K_9d41e6.jpeg\",\"width\":1024,\"height\":768,"
  "\"content_type\":\"image/jpeg\"}],\"timings\":{\"inference\":0.7421},"
  "\"seed\":7411903,\"has_nsfw_concepts\":[false],\"prompt\":\"a lighthouse on "
  "a cliff above the sea at dawn, long exposure, soft light\"}";
static const char event[] =
  "data: {\"partial\":false,\"index\":41,\"output\":\"a word or two of the "
  "answer, as a language model sends them\"}\n\n";
static const char stream_head[] =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
  "x-fal-request-id: 00000000-0000-4000-8000-0123456789ab\r\n"
  "Transfer-Encoding: chunked\r\n\r\n";
/* A PNG of one pixel. */
static const unsigned char pixel[] = {
  0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R',
  0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde,
  0, 0, 0, 12, 'I', 'D', 'A', 'T', 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0, 0,
  3, 1, 1, 0, 0xc9, 0xfe, 0x92, 0xef, 0, 0, 0, 0, 'I', 'E', 'N', 'D',
  0xae, 0x42, 0x60, 0x82
};
static char small[1024], burst[BURST * 256];
static char *big;
static size_t small_n, big_n, burst_n;


static long now_ms (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}


static void die (const char *what) {
  perror(what);
  exit(1);
}


static void watch (int fd, int op, unsigned events) {
  struct epoll_event ev;
  memset(&ev, 0, sizeof(ev));
  ev.events = events;
  ev.data.fd = fd;
  epoll_ctl(ep, op, fd, &ev);
}


static void drop (int fd) {
  free(conns[fd]);
  conns[fd] = NULL;
  gens[fd]++;
  close(fd);
}


/* ---- sending ---- */

static size_t answer_into (char *to, size_t cap, const char *body) {
  return (size_t)snprintf(to, cap,
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    "x-fal-request-id: 00000000-0000-4000-8000-0123456789ab\r\n"
    "ETag: \"e\"\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}


static void put (Conn *c, const char *s, size_t n) {
  if (n <= sizeof(c->out) - c->out_n) {
    memcpy(c->out + c->out_n, s, n);
    c->out_n += n;
  }
}


static void put_json (Conn *c, const char *body) {
  c->out_n += answer_into(c->out + c->out_n, sizeof(c->out) - c->out_n, body);
}


static void put_tail (Conn *c, const char *s, size_t n, long times) {
  c->tail = s;
  c->tail_n = n;
  c->tail_at = 0;
  c->times = times;
}


/* One of the two parts of what is to be sent: 1 when it is gone. */
static int send_part (int fd, const char *s, size_t n, size_t *at, int more) {
  while (*at < n) {
    ssize_t sent = send(fd, s + *at, n - *at, MSG_NOSIGNAL | more);
    if (sent < 0)
      return errno == EAGAIN ? 0 : -1;
    *at += (size_t)sent;
  }
  return 1;
}


/* Sends what there is; the connection may be gone afterwards. */
static void flush (int fd) {
  Conn *c = conns[fd];
  int done = send_part(fd, c->out, c->out_n, &c->out_at, c->times ? MSG_MORE : 0);
  if (done == 1)
    c->out_n = c->out_at = 0;
  while (done == 1 && c->times > 0) {
    done = send_part(fd, c->tail, c->tail_n, &c->tail_at, 0);
    if (done == 1) {
      c->tail_at = 0;
      if (--c->times == 0 && c->tail == burst) {
        put(c, "0\r\n\r\n", 5);
        done = send_part(fd, c->out, c->out_n, &c->out_at, 0);
        if (done == 1)
          c->out_n = c->out_at = 0;
      }
    }
  }
  if (done < 0)
    drop(fd);
  else if (c->waits_out != !done) {
    c->waits_out = !done;
    watch(fd, EPOLL_CTL_MOD, EPOLLIN | (done ? 0u : (unsigned)EPOLLOUT));
  }
}


static void in_a_while (int fd) {
  Later *l = &later[(first + waiting++) % MAX_FD];
  l->due = now_ms() + DELAY_MS;
  l->fd = fd;
  l->gen = gens[fd];
}


/* ---- answers ---- */

static const char *header (const char *head, const char *end, const char *name) {
  size_t n = strlen(name);
  const char *p = head;
  while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL && ++p + n < end)
    if (strncasecmp(p, name, n) == 0)
      return p + n;
  return NULL;
}


static void put_status (char *to, size_t cap, unsigned job, int poll) {
  static const char *const more[] = {
    "\"IN_QUEUE\",\"queue_position\":1", "\"IN_PROGRESS\",\"logs\":null",
    "\"COMPLETED\",\"logs\":null,\"metrics\":{\"inference_time\":0.74}"
  };
  snprintf(to, cap, "{\"request_id\":\"%08x-0000-4000-8000-0123456789ab\","
           "\"response_url\":\"\",\"status\":%s}", job, more[poll < 2 ? poll : 2]);
}


/* The next state of a job whose status is streamed, as one event. */
static void status_event (int fd) {
  Conn *c = conns[fd];
  char body[256], chunk[320];
  int poll = polls[c->job]++;
  put_status(body, sizeof(body), c->job, poll);
  snprintf(chunk, sizeof(chunk), "%zx\r\ndata: %s\n\n\r\n%s", strlen(body) + 8,
           body, poll >= 2 ? "0\r\n\r\n" : "");
  put(c, chunk, strlen(chunk));
  if (poll < 2)
    in_a_while(fd);
}


/* "POST /queue/fal-ai/x" */
static void submit (Conn *c, const char *app, const char *host) {
  char body[1024];
  unsigned job = jobs++ % MAX_JOBS;
  int n = (int)strcspn(host, "\r");
  polls[job] = strcmp(app, "quick") == 0 ? 2 : 0;
  snprintf(body, sizeof(body),
    "{\"request_id\":\"%1$08x-0000-4000-8000-0123456789ab\",\"status\":\"IN_QUEUE\","
    "\"queue_position\":1,"
    "\"response_url\":\"http://%2$.*3$s/queue/fal-ai/%4$s/requests/%1$08x-0000-4000-8000-0123456789ab\","
    "\"status_url\":\"http://%2$.*3$s/queue/fal-ai/%4$s/requests/%1$08x-0000-4000-8000-0123456789ab/status\","
    "\"cancel_url\":\"http://%2$.*3$s/queue/fal-ai/%4$s/requests/%1$08x-0000-4000-8000-0123456789ab/cancel\"}",
    job, host, n, app);
  put_json(c, body);
}


/* A result whose picture is here. */
static void put_quick (Conn *c, const char *host) {
  char body[512];
  snprintf(body, sizeof(body), "{\"images\":[{\"url\":\"http://%.*s/files/%u.png\","
           "\"width\":1,\"height\":1,\"content_type\":\"image/png\"}],\"seed\":7}",
           (int)strcspn(host, "\r"), host, jobs);
  put_json(c, body);
}


static void put_pixel (Conn *c) {
  c->out_n = (size_t)snprintf(c->out, sizeof(c->out), "HTTP/1.1 200 OK\r\n"
    "Content-Type: image/png\r\nContent-Length: %zu\r\n\r\n", sizeof(pixel));
  put(c, (const char *)pixel, sizeof(pixel));
}


static void queue (int fd, const char *path, const char *host) {
  Conn *c = conns[fd];
  const char *id = strstr(path, "/requests/");
  unsigned job = id != NULL ? (unsigned)strtoul(id + 10, NULL, 16) % MAX_JOBS : 0;
  char body[256];
  if (id == NULL)
    submit(c, strncmp(path, "/queue/fal-ai/", 14) == 0 ? path + 14 : "", host);
  else if (strstr(id, "/status/stream") != NULL) {
    c->job = job;
    put(c, stream_head, sizeof(stream_head) - 1);
    status_event(fd);
  }
  else if (strstr(id, "/status") != NULL) {
    put_status(body, sizeof(body), job, polls[job]);
    if (polls[job] < 2)
      polls[job]++;
    put_json(c, body);
  }
  else if (strstr(path, "/quick/") != NULL)
    put_quick(c, host);
  else
    put(c, small, small_n);
}


static void storage (Conn *c, const char *path, const char *host) {
  char body[512];
  int n = (int)strcspn(host, "\r");
  if (strncmp(path, "/rest/tokens", 12) == 0)
    strcpy(body, "\"aaaa.bbbb.cccc\"");
  else
    snprintf(body, sizeof(body), "{\"file_url\":\"http://%1$.*2$s/files/1\","
             "\"upload_url\":\"http://%1$.*2$s/put/%3$s?sig=1\"}",
             host, n, strstr(path, "multipart") != NULL ? "parts" : "one");
  put_json(c, body);
}


static void upgrade (Conn *c, const char *key) {
  unsigned char digest[20], accept[64];
  char text[128];
  snprintf(text, sizeof(text), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
           (int)strcspn(key, "\r"), key);
  SHA1((unsigned char *)text, strlen(text), digest);
  EVP_EncodeBlock(accept, digest, 20);
  c->out_n = (size_t)snprintf(c->out, sizeof(c->out),
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
  c->websocket = 1;
}


/* Answers the request whose head ends at 'end'; its body may still come. */
static void answer (int fd, char *end) {
  Conn *c = conns[fd];
  char *path = strchr(c->in, ' ');
  const char *host = header(c->in, end, "host: ");
  const char *key = header(c->in, end, "sec-websocket-key: ");
  char *path_end = path != NULL ? strchr(path + 1, ' ') : NULL;
  char number[32];
  requests++;
  if (path_end == NULL || host == NULL) {
    drop(fd);
    return;
  }
  *path_end = '\0';
  path++;
  if (key != NULL)
    upgrade(c, key);
  else if (strncmp(path, "/queue/", 7) == 0)
    queue(fd, path, host);
  else if (strncmp(path, "/rest/", 6) == 0)
    storage(c, path, host);
  else if (strncmp(path, "/put", 4) == 0)
    put_json(c, "{\"partNumber\":1,\"etag\":\"e\"}");
  else if (strncmp(path, "/count", 6) == 0) {
    snprintf(number, sizeof(number), "%lu", requests - 1);
    put_json(c, number);
  }
  else if (strncmp(path, "/fal-ai/events/", 15) == 0) {
    put(c, stream_head, sizeof(stream_head) - 1);
    put_tail(c, burst, burst_n, atol(path + 15) / BURST);
  }
  else if (strncmp(path, "/fal-ai/quick", 13) == 0)
    put_quick(c, host);
  else if (strncmp(path, "/files/", 7) == 0)
    put_pixel(c);
  else if (strncmp(path, "/fal-ai/big", 11) == 0)
    put_tail(c, big, big_n, 1);
  else if (strncmp(path, "/fal-ai/wait", 12) == 0) {
    put(c, small, small_n);
    in_a_while(fd);
    return;
  }
  else
    put(c, small, small_n);
  if (c->skip == 0)
    flush(fd);
}


/* Sends back the frames that are whole, without their masks. 0: give up */
static int echo (int fd) {
  Conn *c = conns[fd];
  unsigned char *p = (unsigned char *)c->in;
  size_t left = c->n;
  while (left >= 6 && left >= 6 + (size_t)(p[1] & 127)) {
    size_t i, n = p[1] & 127;
    if (n > 125 || (p[0] & 15) == 8 || n + 2 > sizeof(c->out) - c->out_n)
      return 0;
    for (i = 0; i < n; i++)
      p[6 + i] ^= p[2 + (i & 3)];
    p[4] = p[0];
    p[5] = (unsigned char)n;
    put(c, (char *)p + 4, n + 2);
    p += 6 + n;
    left -= 6 + n;
  }
  memmove(c->in, p, left);
  c->n = left;
  flush(fd);
  return 1;
}


/* ---- connections ---- */

/* Throws away what there is of a long body, and answers at its end. */
static void skip (int fd) {
  Conn *c = conns[fd];
  ssize_t got = recv(fd, NULL, c->skip < 1 << 20 ? c->skip : 1 << 20, MSG_TRUNC);
  if (got > 0)
    c->skip -= (size_t)got;
  else if (got == 0 || errno != EAGAIN) {
    drop(fd);
    return;
  }
  if (c->skip == 0)
    flush(fd);
}


static void serve (int fd) {
  Conn *c = conns[fd];
  const char *length;
  char *end;
  size_t head, body;
  ssize_t got = recv(fd, c->in + c->n, sizeof(c->in) - 1 - c->n, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN)
      drop(fd);
    return;
  }
  c->n += (size_t)got;
  c->in[c->n] = '\0';
  if (c->websocket) {
    if (!echo(fd))
      drop(fd);
    return;
  }
  end = memmem(c->in, c->n, "\r\n\r\n", 4);
  if (end == NULL) {
    if (c->n == sizeof(c->in) - 1)
      drop(fd);
    return;
  }
  head = (size_t)(end + 4 - c->in);
  length = header(c->in, end, "content-length: ");
  body = length != NULL ? strtoul(length, NULL, 10) : 0;
  if (head + body > c->n && body < 4096)
    return;  /* a little more is to come */
  c->skip = head + body - c->n;
  c->n = 0;  /* nobody pipelines */
  answer(fd, end + 2);
}


static void take (int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    Conn *c = fd < MAX_FD ? calloc(1, sizeof(*c)) : NULL;
    if (c == NULL) {
      close(fd);
      continue;
    }
    conns[fd] = c;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
  }
}


static void act_due (void) {
  long now = now_ms();
  while (waiting > 0 && later[first].due <= now) {
    const Later *l = &later[first];
    int fd = l->fd;
    first = (first + 1) % MAX_FD;
    waiting--;
    if (gens[fd] != l->gen)
      continue;
    if (conns[fd]->out_n == 0)
      status_event(fd);
    flush(fd);
  }
}


/* ---- starting ---- */

static int listen_somewhere (int *port) {
  struct sockaddr_in at;
  socklen_t n = sizeof(at);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  memset(&at, 0, sizeof(at));
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 ||
      listen(fd, 4096) != 0 ||
      getsockname(fd, (struct sockaddr *)&at, &n) != 0)
    die("upstream: listen");
  *port = ntohs(at.sin_port);
  return fd;
}


static void raise_limit (void) {
  struct rlimit r;
  if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
  }
}


static void prepare (void) {
  size_t i, n = PICTURE / 3 * 4 + 4;
  unsigned char *picture = malloc(PICTURE);
  char *body = malloc(n + 512), *p;
  unsigned x = 1;
  if (picture == NULL || body == NULL || (big = malloc(n + 1024)) == NULL)
    die("upstream: memory");
  small_n = answer_into(small, sizeof(small), result);
  for (i = 0; i < PICTURE; i++)
    picture[i] = (unsigned char)((x = x * 1664525u + 1013904223u) >> 24);
  p = body + sprintf(body, "{\"images\":[{\"url\":\"data:image/png;base64,");
  p += EVP_EncodeBlock((unsigned char *)p, picture, PICTURE);
  strcpy(p, "\",\"width\":1024,\"height\":1024,\"content_type\":\"image/png\"}],\"seed\":1}");
  big_n = answer_into(big, n + 1024, body);
  for (i = 0; i < BURST; i++)
    burst_n += (size_t)sprintf(burst + burst_n, "%zx\r\n%s\r\n", sizeof(event) - 1, event);
  free(picture);
  free(body);
}


int main (void) {
  struct epoll_event ev[BATCH];
  int port, listener = listen_somewhere(&port);
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  prepare();
  ep = epoll_create1(0);
  if (ep < 0)
    die("upstream: epoll");
  watch(listener, EPOLL_CTL_ADD, EPOLLIN);
  watch(STDOUT_FILENO, EPOLL_CTL_ADD, 0);  /* tells when the other end is closed */
  printf("%d\n", port);
  fflush(stdout);
  for (;;) {
    long left = waiting > 0 ? later[first].due - now_ms() : -1;
    int i, n = epoll_wait(ep, ev, BATCH, waiting > 0 && left < 0 ? 0
                                                                 : (int)left);
    for (i = 0; i < n; i++) {
      int fd = ev[i].data.fd;
      if (fd == STDOUT_FILENO)
        return 0;
      else if (fd == listener)
        take(fd);
      else if (conns[fd] != NULL && (ev[i].events & EPOLLOUT))
        flush(fd);
      else if (conns[fd] != NULL && conns[fd]->skip > 0)
        skip(fd);
      else if (conns[fd] != NULL)
        serve(fd);
    }
    act_due();
  }
}
