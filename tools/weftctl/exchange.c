/* SPDX-License-Identifier: BSD-3-Clause */
/* One request and its answer over the UNIX socket. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "target/core/error.h"
#include "target/rpc/framing.h"
#include "tools/weftctl/weftctl.h"

struct exchange {
	int fd;
	gint64 deadline; /* microseconds, g_get_monotonic_time */
	GError **error;
};

static bool fail(const struct exchange *x, const char *what, int err)
{
	return weft_error_set(x->error, -err, NULL, "%s: %s", what, g_strerror(err));
}

/* Waits for the events; false: time is up. */
static bool wait_for(const struct exchange *x, short events)
{
	struct pollfd pfd = { .fd = x->fd, .events = events };
	int rc;

	do {
		gint64 left = x->deadline - g_get_monotonic_time();

		if (left <= 0)
			return fail(x, "no answer in time", ETIMEDOUT);
		rc = poll(&pfd, 1, (int)MIN(left / 1000 + 1, G_MAXINT));
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	return rc > 0 || fail(x, "poll", errno);
}

static int open_socket(const char *path, GError **error)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		weft_error_set(error, -ENAMETOOLONG, NULL, "%s: too long for a socket path", path);
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	weft_error_set(error, -errno, NULL,
		       "cannot connect to %s: %s. Is weftd running? "
		       "(-s SOCKET or WEFT_SOCK tells where)",
		       path, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool send_all(const struct exchange *x, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n;

		if (!wait_for(x, POLLOUT))
			return false;
		n = send(x->fd, text, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return fail(x, "send", errno);
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
	return true;
}

static struct jv_doc *receive(const struct exchange *x)
{
	g_autoptr(GByteArray) in = g_byte_array_new();
	struct rpc_framer framer = { 0 };
	guint8 buf[16384];

	for (;;) {
		enum rpc_frame state;
		size_t used;
		ssize_t n;

		if (!wait_for(x, POLLIN))
			return NULL;
		n = recv(x->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0) {
			fail(x, "weftd closed the connection without an answer",
			     n < 0 ? errno : ECONNRESET);
			return NULL;
		}
		state = rpc_frame_scan(&framer, (char *)buf, (size_t)n, &used);
		g_byte_array_append(in, buf, (guint)used);
		if (state == RPC_FRAME_TEXT)
			return jv_parse((char *)in->data, in->len, 0, x->error);
		if (state != RPC_FRAME_MORE) {
			fail(x, "the answer is not JSON", EPROTO);
			return NULL;
		}
	}
}

struct jv_doc *rpc_exchange(const char *socket_path, const char *request, double timeout_s,
			    GError **error)
{
	struct exchange x = { .error = error };
	struct jv_doc *doc = NULL;

	x.deadline = g_get_monotonic_time() + (gint64)(timeout_s * G_USEC_PER_SEC);
	x.fd = open_socket(socket_path, error);
	if (x.fd < 0)
		return NULL;
	if (send_all(&x, request))
		doc = receive(&x);
	close(x.fd);
	return doc;
}
