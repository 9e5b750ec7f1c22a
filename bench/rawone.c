/*
** rawone.c -- what libcurl costs in C for one thing at a time
**
**   rawone MODE N IN_FLIGHT BASE_URL
**
** MODE: events (N of a stream, its lines counted), socket (N frames of 100
** bytes to a WebSocket and back, one after the other, framed by hand), picture
** (N results that hold 1 MiB as base64, decoded to a file). IN_FLIGHT is not
** looked at. BENCH_OUT is the file.
*/
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#include "raw.h"

#define PICTURE 1048576

static CURL *easy;
static struct curl_slist *headers;


static void post (const char *url) {
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, input);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)sizeof(input) - 1);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
}


static void check (CURLcode result) {
  if (result != CURLE_OK)
    die(curl_easy_strerror(result));
}


/* ---- events ---- */

static long events;
static size_t line_n;           /* bytes of the line that is coming */
static int is_data;


static size_t on_events (char *s, size_t one, size_t n, void *ud) {
  const char *p = s, *end = s + n;
  (void)one;
  (void)ud;
  while (p < end) {
    const char *lf = memchr(p, '\n', (size_t)(end - p));
    if (line_n == 0)
      is_data = *p == 'd';
    line_n += (size_t)((lf != NULL ? lf : end) - p);
    if (lf == NULL)
      break;
    events += is_data && line_n > 6;
    line_n = 0;
    p = lf + 1;
  }
  return n;
}


static void stream (const char *base, long n) {
  char url[512];
  snprintf(url, sizeof(url), "%s/fal-ai/events/%ld/stream", base, n);
  post(url);
  events = 0;
  check(curl_easy_perform(easy));
  if (events != n)
    die("events are missing");
}


static void run_events (const char *base, long n) {
  double wall, spent;
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_events);
  stream(base, n / 4 / 512 * 512);
  wall = now();
  spent = cpu();
  stream(base, n);
  report(n, wall, spent);
}


/* ---- a WebSocket ---- */

static curl_socket_t sock;
static char in[4096];


static size_t receive (size_t at) {
  struct pollfd p = { .fd = sock, .events = POLLIN };
  size_t n;
  CURLcode result;
  while ((result = curl_easy_recv(easy, in + at, sizeof(in) - at, &n)) == CURLE_AGAIN)
    poll(&p, 1, -1);
  check(result);
  return n;
}


static void shake_hands (const char *base) {
  char head[512];
  const char *host = strstr(base, "://");
  size_t n = 0;
  curl_easy_setopt(easy, CURLOPT_URL, base);
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  check(curl_easy_perform(easy));
  curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &sock);
  snprintf(head, sizeof(head), "GET /fal-ai/bench/realtime HTTP/1.1\r\n"
           "Host: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
           "Sec-WebSocket-Version: 13\r\n\r\n", host + 3);
  check(curl_easy_send(easy, head, strlen(head), &n));
  for (n = 0; memmem(in, n, "\r\n\r\n", 4) == NULL; )
    n += receive(n);
}


static void round_trips (long n) {
  unsigned char frame[106];
  frame[0] = 0x82;
  frame[1] = 0x80 | 100;
  memset(frame + 6, 'x', 100);
  while (n-- > 0) {
    uint32_t mask = (uint32_t)n * 2654435761u;
    size_t got = 0, sent, i;
    memcpy(frame + 2, &mask, 4);
    for (i = 0; i < 100; i++)
      frame[6 + i] = (unsigned char)('x' ^ frame[2 + (i & 3)]);
    check(curl_easy_send(easy, frame, sizeof(frame), &sent));
    while (got < 102)
      got += receive(got);
    if (memcmp(in + 2, "xxxx", 4) != 0)
      die("a wrong frame");
  }
}


static void run_socket (const char *base, long n) {
  double wall, spent;
  shake_hands(base);
  round_trips(n / 5);
  wall = now();
  spent = cpu();
  round_trips(n);
  report(n, wall, spent);
}


/* ---- pictures ---- */

static char body[PICTURE * 2];
static size_t body_n;
static unsigned char picture[PICTURE + 3];
static uint32_t table[4][256];


static size_t on_body (char *s, size_t one, size_t n, void *ud) {
  (void)one;
  (void)ud;
  if (body_n + n >= sizeof(body))
    return 0;
  memcpy(body + body_n, s, n);
  body_n += n;
  return n;
}


static void prepare_base64 (void) {
  static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t i;
  for (i = 0; i < 64; i++) {
    int k;
    for (k = 0; k < 4; k++)
      table[k][(unsigned char)digits[i]] = i << (18 - 6 * k);
  }
}


/* Four digits at a time by four tables; digits that are none are not noticed */
static size_t from_base64 (const char *s, size_t n, unsigned char *to) {
  const unsigned char *p = (const unsigned char *)s;
  unsigned char *start = to;
  for (; n >= 4; n -= 4, p += 4, to += 3) {
    uint32_t v = table[0][p[0]] | table[1][p[1]] | table[2][p[2]] | table[3][p[3]];
    to[0] = (unsigned char)(v >> 16);
    to[1] = (unsigned char)(v >> 8);
    to[2] = (unsigned char)v;
  }
  return (size_t)(to - start) - (p[-1] == '=') - (p[-2] == '=');
}


static void pictures (long n) {
  const char *out = getenv("BENCH_OUT");
  while (n-- > 0) {
    const char *s, *end;
    size_t size;
    int fd;
    body_n = 0;
    check(curl_easy_perform(easy));
    body[body_n] = '\0';
    if ((s = strstr(body, ";base64,")) == NULL || (end = strchr(s, '"')) == NULL)
      die("no picture");
    size = from_base64(s + 8, (size_t)(end - s - 8), picture);
    fd = open(out, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (size != PICTURE || fd < 0 || write(fd, picture, size) != (ssize_t)size)
      die("the picture cannot be written");
    close(fd);
  }
}


static void run_pictures (const char *base, long n) {
  char url[512];
  double wall, spent;
  prepare_base64();
  snprintf(url, sizeof(url), "%s/fal-ai/big", base);
  post(url);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_MAX_READ_SIZE);
  pictures(n / 5 + 1);
  wall = now();
  spent = cpu();
  pictures(n);
  report(n, wall, spent);
}


int main (int argc, char **argv) {
  long n = argc > 4 ? atol(argv[2]) : 0;
  if (n < 1)
    die("usage: rawone events|socket|picture N IN_FLIGHT BASE_URL");
  curl_global_init(CURL_GLOBAL_DEFAULT);
  headers = curl_slist_append(headers, "Content-Type: application/json");
  headers = curl_slist_append(headers, "Authorization: Key a:b");
  headers = curl_slist_append(headers, "Expect:");
  easy = curl_easy_init();
  if (strcmp(argv[1], "events") == 0)
    run_events(argv[4], n);
  else if (strcmp(argv[1], "socket") == 0)
    run_socket(argv[4], n);
  else
    run_pictures(argv[4], n);
  return 0;
}
