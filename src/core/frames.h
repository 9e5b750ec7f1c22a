/*
** frames.h -- the frames of a WebSocket, in both directions (private)
**
** wslay makes and reads them; what it writes is gathered in a buffer, so that
** a message is one send, and what was received is handed to it piece by piece.
*/
#ifndef fal_frames_h
#define fal_frames_h

#include "websocket.h"

/* Begins: 1, or 0 when memory ended. */
int fal_frames_new (fal_ws *ws);

/* Queues a frame; 0 when that went well. */
int fal_frames_queue (fal_ws *ws, int opcode, const char *s, size_t n);

/* Bytes that wait to be sent. */
size_t fal_frames_waiting (const fal_ws *ws);

/* Gives curl what there is. */
void fal_frames_flush (fal_ws *ws);

/* Lets wslay work on what was received (ws->in). */
void fal_frames_parse (fal_ws *ws);

/* Has the connection come to its end? */
int fal_frames_over (const fal_ws *ws);

/* What that end means when it is one of frames, the other side's close frame or
** ours: 1 with ws->code and ws->err set; 0 when it is none. */
int fal_frames_judge (fal_ws *ws);


/* Says why it is over. The first reason counts. */
fal_code fal_ws_lost (fal_ws *ws, fal_code code, const char *text);

/* Blanks the secret out of s[0..n). */
void fal_ws_hide (const fal_ws *ws, char *s, size_t n);

/* What to watch the socket for. */
void fal_ws_watch (fal_ws *ws, int want);

#endif
