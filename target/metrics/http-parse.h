/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The head of an HTTP/1 request (RFC 9112), as far as a server of one page needs it:
 * request line, and whether the connection stays. Nothing else is looked at, bodies
 * are not taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of a request: request line, header fields, empty line. */
#define HTTP_HEAD_MAX 4096

struct http_request {
	unsigned status; /* 0: good; else what to answer: 400, 404, 405, 431, 501, 505 */
	bool head;	 /* HEAD: no body */
	bool keep;	 /* the connection may go on */
	bool index;	 /* it is of "/", not of "/metrics" */
};

/*
 * Bytes of the first head in data, or 0: it does not end yet (len is less than
 * HTTP_HEAD_MAX). request is filled in when there is one, or when there will be none.
 */
size_t http_parse(const char *data, size_t len, struct http_request *request);
