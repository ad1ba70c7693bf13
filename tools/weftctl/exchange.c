/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection to weftd, over a UNIX socket or TCP. What arrives while something is
 * being sent is kept: so neither side waits for the other when several requests are
 * under way.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "target/core/error.h"
#include "target/rpc/framing.h"
#include "tools/weftctl/weftctl.h"

#define RETRY_US 200000

struct conn {
	int fd;
	GByteArray *in;
	size_t scanned; /* bytes of in that the framer has seen */
	struct rpc_framer framer;
	gint64 deadline; /* microseconds, g_get_monotonic_time */
};

static bool fail(GError **error, const char *what, int err)
{
	return weft_error_set(error, -err, NULL, "%s: %s", what, g_strerror(err));
}

/* --- opening ---------------------------------------------------------------------------- */

static const char *advice(int err)
{
	switch (err) {
	case ENOENT:
		return ". Is weftd running? Its -r, and -s or WEFT_SOCK here, say where the "
		       "socket is";
	case ECONNREFUSED:
		return ". Is weftd running? Nobody listens there";
	case EACCES:
	case EPERM:
		return ". Only its user and group may use it: run weftctl as one of those, or "
		       "with sudo";
	default:
		return ". Is weftd running? (-s SOCKET or WEFT_SOCK tells where)";
	}
}

static int connect_error(GError **error, const char *server, int fd)
{
	int err = errno;

	weft_error_set(error, -err, NULL, "cannot connect to %s: %s%s", server, g_strerror(err),
		       advice(err));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_unix(const char *path, GError **error)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		weft_error_set(error, -ENAMETOOLONG, NULL,
			       "%s: too long for the path of a socket (%zu characters at most)",
			       path, sizeof(addr.sun_path) - 1);
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	return connect_error(error, path, fd);
}

static int open_tcp(const char *host, unsigned port, GError **error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	g_autofree char *service = g_strdup_printf("%u", port);
	g_autofree char *name = g_strdup_printf("%s port %u", host, port);
	int rc = getaddrinfo(host, service, &hints, &list), fd = -1;

	if (rc != 0) {
		weft_error_set(error, -ENOENT, NULL,
			       "\"%s\" is neither a socket (no such file) nor the name of a host "
			       "(%s). Is weftd running? (-s SOCKET or WEFT_SOCK tells where)",
			       host, gai_strerror(rc));
		return -1;
	}
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		g_clear_error(error);
		fd = connect_error(error, name, fd);
	}
	freeaddrinfo(list);
	if (fd >= 0)
		g_clear_error(error);
	return fd;
}

struct conn *conn_open(const char *server, unsigned port, unsigned retries, GError **error)
{
	bool is_path = strchr(server, '/') || g_file_test(server, G_FILE_TEST_EXISTS);
	GError *problem = NULL;
	struct conn *conn;
	int fd;

	for (;;) {
		g_clear_error(&problem);
		fd = is_path ? open_unix(server, &problem) : open_tcp(server, port, &problem);
		if (fd >= 0 || retries-- == 0)
			break;
		g_usleep(RETRY_US);
	}
	if (fd < 0) {
		g_propagate_error(error, problem);
		return NULL;
	}
	conn = g_new0(struct conn, 1);
	conn->fd = fd;
	conn->in = g_byte_array_sized_new(4096); /* there is memory to point into from the start */
	return conn;
}

void conn_close(struct conn *conn)
{
	if (!conn)
		return;
	close(conn->fd);
	g_byte_array_unref(conn->in);
	g_free(conn);
}

int conn_fd(const struct conn *conn)
{
	return conn->fd;
}

/* --- traffic -------------------------------------------------------------------------------- */

static void set_deadline(struct conn *conn, double timeout_s)
{
	conn->deadline = g_get_monotonic_time() + (gint64)(timeout_s * G_USEC_PER_SEC);
}

/* Waits for any of the events; 0: time is up, or another error. */
static short wait_for(struct conn *conn, short events, GError **error)
{
	struct pollfd pfd = { .fd = conn->fd, .events = events };
	int rc;

	do {
		gint64 left = conn->deadline - g_get_monotonic_time();

		if (left <= 0) {
			fail(error,
			     "no answer in time (-t gives it more; what was asked for may still "
			     "happen)",
			     ETIMEDOUT);
			return 0;
		}
		rc = poll(&pfd, 1, (int)MIN(left / 1000 + 1, G_MAXINT));
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	if (rc < 0)
		fail(error, "poll", errno);
	return rc < 0 ? 0 : pfd.revents;
}

static bool read_some(struct conn *conn, GError **error)
{
	guint8 buf[65536];
	ssize_t n = recv(conn->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return fail(error, "weftd closed the connection without an answer",
			    n < 0 ? errno : ECONNRESET);
	g_byte_array_append(conn->in, buf, (guint)n);
	return true;
}

bool conn_send(struct conn *conn, const char *text, double timeout_s, GError **error)
{
	size_t left = strlen(text);

	set_deadline(conn, timeout_s);
	while (left > 0) {
		short events = wait_for(conn, POLLOUT | POLLIN, error);
		ssize_t n;

		if (!events)
			return false;
		if (!(events & POLLOUT)) {
			if (!read_some(conn, error))
				return false;
			continue;
		}
		n = send(conn->fd, text, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return fail(error, "send", errno);
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
	return true;
}

/* Parses the text that ends at conn->scanned and drops it. */
static struct jv_doc *take_text(struct conn *conn, GError **error)
{
	struct jv_doc *doc = jv_parse((char *)conn->in->data, conn->scanned, 0, error);

	g_byte_array_remove_range(conn->in, 0, (guint)conn->scanned);
	conn->scanned = 0;
	conn->framer = (struct rpc_framer){ 0 };
	return doc;
}

struct jv_doc *conn_receive(struct conn *conn, double timeout_s, GError **error)
{
	set_deadline(conn, timeout_s);
	for (;;) {
		enum rpc_frame state;
		size_t used;

		state = rpc_frame_scan(&conn->framer, (char *)conn->in->data + conn->scanned,
				       conn->in->len - conn->scanned, &used);
		conn->scanned += used;
		if (state == RPC_FRAME_TEXT)
			return take_text(conn, error);
		if (state != RPC_FRAME_MORE) {
			fail(error, "the answer is not JSON; is it weftd that listens there?",
			     EPROTO);
			return NULL;
		}
		if (!wait_for(conn, POLLIN, error) || !read_some(conn, error))
			return NULL;
	}
}
