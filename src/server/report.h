/*
** report.h -- what the queue says about a request (protocol 4.2)
*/
#ifndef falua_report_h
#define falua_report_h

#include "store.h"

/* Appends the object of a status. 'url' is what the queue's URLs begin with,
** as the caller reaches it; without 'logs' that member is null. */
fal_code serve_report_put (fal_buf *b, const char *url, const char *id,
                           const store_status *st, int logs);

/* Appends "request_id", "response_url", "status_url" and "cancel_url" with a
** comma before each. The URLs have no path of the endpoint and no query. */
fal_code serve_report_put_urls (fal_buf *b, const char *url, const char *id,
                                const char *endpoint);

#endif
