/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is the RPC socket somebody's, or only what the kernel has not taken down yet? A
 * process that was killed keeps its io_uring, and with it its listening sockets,
 * for some milliseconds after it can be waited for; a service manager starts the
 * next one within them.
 */
#include "tools/weftd/weftd.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TRIES 50
#define PAUSE_US 20000

static bool is_alive(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	bool alive;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return false;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true;
	alive = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	close(fd);
	return alive;
}

bool weftd_socket_dies(const char *path)
{
	for (unsigned i = 0; i < TRIES; i++) {
		if (!is_alive(path))
			return true;
		g_usleep(PAUSE_US);
	}
	return false;
}
