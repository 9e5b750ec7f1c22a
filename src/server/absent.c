/*
** absent.c -- what to say of an endpoint that is not served here
*/
#include <string.h>

#include "absent.h"

/* Beginnings of words in ids of fal's models. */
static const char *const videos[] = {
  "video", "wan", "kling", "veo", "hailuo", "ltx", "hunyuan-video", "luma-dream",
  "runway", "pixverse", "vidu", "mochi", "cogvideo", "animatediff", "svd",
  "sora", "seedance", "framepack", "magi", "lipsync", "text-to-video",
  NULL
};

static const char *const sounds[] = {
  "audio", "speech", "tts", "music", "voice", "whisper", "wizper", "kokoro",
  "elevenlabs", "mmaudio", "playai", "ace-step", "lyria", "chatterbox",
  "sonauto", "orpheus", "diffrhythm", "yue", "stable-audio", "dia-", "f5-",
  NULL
};


static int is_letter (char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


/* Does a word of 'id', after its owner, begin with one of the list? */
static int speaks_of (const char *id, const char *const *list) {
  const char *at = strchr(id, '/');
  if (at == NULL)
    return 0;
  for (; *list != NULL; list++) {
    const char *found = at;
    while ((found = strstr(found + 1, *list)) != NULL)
      if (!is_letter(found[-1]))
        return 1;
  }
  return 0;
}


/* A name from a URL, made fit for an answer. */
static void add_printable (fal_buf *to, const char *id) {
  char text[100];
  size_t i;
  for (i = 0; id[i] != '\0' && i + 1 < sizeof(text); i++)
    text[i] = id[i] >= ' ' && id[i] <= '~' ? id[i] : '?';
  fal_buf_add(to, text, i);
}


void serve_absent (fal_buf *to, const char *id, const char *all) {
  int sound = speaks_of(id, sounds), video = !sound && speaks_of(id, videos);
  fal_buf_addstr(to, sound || video ? "There is no local preview for '"
                                    : "There is no endpoint '");
  add_printable(to, id);
  if (sound || video)
    fal_buf_addf(to, "', which makes %s: this local server draws pictures. To "
                 "go on, call fal.ai itself, with a key in FAL_KEY and without "
                 "FAL_BASE_URL or --local; or serve an endpoint of your own "
                 "under this name, with --apps", sound ? "sound" : "video");
  else
    fal_buf_addf(to, "' here: this local server has %.2600s",
                 all != NULL ? all : "others");
}
