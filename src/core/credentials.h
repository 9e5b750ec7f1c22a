/*
** credentials.h -- where the key comes from when nobody gives one (protocol 2)
**
** The environment has it (FAL_KEY, or FAL_KEY_ID with FAL_KEY_SECRET), or fal's
** own tools have left a login on this machine: two lines in the file
** auth0_token of FAL_HOME_DIR (~/.fal), a refresh token and an access token.
** The access token is used as it is, for as long as it lasts. It is not
** refreshed here: that uses the refresh token up, which would log those tools
** out.
*/
#ifndef fal_credentials_h
#define fal_credentials_h

#include <stddef.h>

#include "error.h"

/* The key of the environment, or when 'login' is nonzero the stored login as
** "Bearer token"; with FAL_FORCE_AUTH_BY_USER=1 only the latter. "" when there
** is none, NULL when memory ends. '*until': when a login expires, in seconds
** since 1970; 0: it is none, or does not say so. The caller's to free, and to
** wipe. */
char *fal_credentials_found (int login, double *until);

/* Nonzero when FAL_FORCE_AUTH_BY_USER=1. */
int fal_credentials_forced (void);

/* FAL_EAUTH when it could not be a header. */
fal_code fal_credentials_check (const char *s, fal_error *err);

/* When an access token (a JWT) expires, in seconds since 1970; 0 when it does
** not say so. */
double fal_login_expiry (const char *token, size_t n);

#endif
