/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's functions, found at run time. The options that are younger than the oldest header
 * this builds with are spelled as numbers: an older library answers "unknown" to them.
 */
#pragma once

#include <curl/curl.h>

#include "base/str.h"

struct curl {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
	CURLcode (*easy_perform)(CURL *easy);
	CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
	const char *(*easy_strerror)(CURLcode code);
	void (*easy_reset)(CURL *easy);
	void (*easy_cleanup)(CURL *easy);
	struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
	void (*slist_free_all)(struct curl_slist *list);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
	CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_perform)(CURLM *multi, int *running);
	CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd *extra, unsigned n_extra,
				int timeout_ms, int *n_ready);
	CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
	CURLMcode (*multi_cleanup)(CURLM *multi);
};

#define CURL_OPTION_PROTOCOLS_STR ((CURLoption)(CURLOPTTYPE_STRINGPOINT + 318)) /* 7.85 */
#define CURL_OPTION_QUICK_EXIT ((CURLoption)(CURLOPTTYPE_LONG + 322))           /* 7.87 */

/* Loads the library. Returns 0 or -ENOENT; ret_why is static. */
int curl_load(struct curl *curl, const char **ret_why);

/* A setting that is refused must not be passed over: it might be the one that verifies. */
struct curl_setup {
	const struct curl *curl;
	CURL *easy;
	CURLcode failed; /* the last that was */
};

void curl_set_long(struct curl_setup *setup, CURLoption option, long value);
void curl_set_pointer(struct curl_setup *setup, CURLoption option, const void *value);
/* Sets a text that is configured, and nothing otherwise. */
void curl_set_text(struct curl_setup *setup, CURLoption option, struct str text);
void curl_set_function(struct curl_setup *setup, CURLoption option, curl_write_callback function);
/* A password or a token, whichever is there. */
void curl_set_auth(struct curl_setup *setup, struct str user, struct str password,
		   struct str token);
void curl_set_tls(struct curl_setup *setup, struct str ca, struct str cert, struct str key,
		  bool insecure);
