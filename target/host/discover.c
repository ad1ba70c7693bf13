/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Discovery: connect to the discovery controller, read its log (header, all of
 * it, header again until the generation stayed the same), disconnect.
 */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/host/priv.h"

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define CHUNK (64 * 1024u)
#define TRIES 10

struct discovery {
	struct host_ctrlr *ctrlr;
	host_discover_done done;
	void *arg;
	struct host_io io;
	struct iovec iov;
	struct nvme_discovery_log header;
	uint8_t *log; /* entries, then room for nothing */
	uint32_t numrec;
	uint32_t got; /* bytes of log */
	uint64_t genctr;
	unsigned tries;
	GError *error;
};

static void read_header(struct discovery *d, void (*done)(struct host_io *io));

static void finish(void *arg)
{
	struct discovery *d = arg;
	bool good = d->error == NULL;

	d->done(good ? (const void *)d->log : NULL, good ? d->numrec : 0, d->genctr, d->error,
		d->arg);
	g_clear_error(&d->error);
	g_free(d->log);
	g_free(d);
}

static void end(struct discovery *d)
{
	host_ctrlr_disconnect(d->ctrlr, finish, d);
}

static bool bad(struct discovery *d, const struct host_io *io)
{
	if (io->status == NVME_SUCCESS)
		return false;
	d->error = host_status_error("Get Log Page (discovery)", io->status);
	end(d);
	return true;
}

static void get_log(struct discovery *d, void *buf, uint32_t len, uint64_t offset,
		    void (*done)(struct host_io *io))
{
	uint32_t numd = len / 4 - 1;
	int err;

	d->iov = (struct iovec){ buf, len };
	d->io = (struct host_io){ .done = done, .iov = &d->iov, .niov = 1 };
	d->io.cmd = (struct nvme_cmd){
		.opcode = NVME_ADMIN_GET_LOG_PAGE,
		.cdw10 = NVME_LOG_DISCOVERY | (numd & 0xffff) << 16,
		.cdw11 = numd >> 16,
		.cdw12 = (uint32_t)offset,
		.cdw13 = (uint32_t)(offset >> 32),
	};
	err = host_admin(d->ctrlr, &d->io);
	if (err) {
		weft_error_set(&d->error, err, NULL, "The discovery controller went away.");
		end(d);
	}
}

static void header_again(struct host_io *io)
{
	struct discovery *d = container(io, struct discovery, io);

	if (bad(d, io))
		return;
	if (d->header.genctr == d->genctr && d->header.numrec == d->numrec) {
		end(d);
	} else if (++d->tries == TRIES) {
		weft_error_set(&d->error, -EAGAIN, NULL,
			       "The discovery log changed %u times while it was read.", TRIES);
		end(d);
	} else {
		read_header(d, NULL);
	}
}

static void read_chunk(struct discovery *d);

static void got_chunk(struct host_io *io)
{
	struct discovery *d = container(io, struct discovery, io);

	if (bad(d, io))
		return;
	d->got += (uint32_t)d->iov.iov_len;
	read_chunk(d);
}

static void read_chunk(struct discovery *d)
{
	uint32_t total = d->numrec * (uint32_t)sizeof(struct nvme_discovery_entry);
	uint32_t most = MIN(CHUNK, host_ctrlr_max_io(d->ctrlr)) & ~1023u;

	if (d->got == total)
		read_header(d, header_again);
	else
		get_log(d, d->log + d->got, MIN(total - d->got, most),
			sizeof(struct nvme_discovery_log) + d->got, got_chunk);
}

static void got_header(struct host_io *io)
{
	struct discovery *d = container(io, struct discovery, io);

	if (bad(d, io))
		return;
	if (d->header.numrec > HOST_DISCOVERY_MAX) {
		weft_error_set(&d->error, -E2BIG, NULL,
			       "The discovery log claims %" G_GUINT64_FORMAT
			       " entries; up to %u are accepted.",
			       (guint64)d->header.numrec, HOST_DISCOVERY_MAX);
		end(d);
		return;
	}
	d->genctr = d->header.genctr;
	d->numrec = (uint32_t)d->header.numrec;
	d->got = 0;
	g_free(d->log);
	d->log = g_malloc0_n(d->numrec + 1, sizeof(struct nvme_discovery_entry));
	read_chunk(d);
}

static void read_header(struct discovery *d, void (*done)(struct host_io *io))
{
	get_log(d, &d->header, sizeof(d->header), 0, done ? done : got_header);
}

static void connected(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct discovery *d = arg;

	(void)c;
	if (error) {
		d->error = g_error_copy(error);
		finish(d);
	} else {
		read_header(d, NULL);
	}
}

bool host_discover(struct reactor *r, const struct host_params *params, host_discover_done done,
		   void *arg, GError **error)
{
	struct host_params p = *params;
	struct discovery *d = g_new0(struct discovery, 1);

	p.subnqn = NVME_DISCOVERY_NQN;
	p.kato_ms = 0;
	p.io_queues = 0;
	p.reconnect_delay_ms = 0;
	p.event = NULL;
	d->done = done;
	d->arg = arg;
	d->ctrlr = host_ctrlr_connect(r, &p, connected, d, error);
	if (!d->ctrlr) {
		g_free(d);
		return false;
	}
	return true;
}

void host_ascii(char *out, size_t outlen, const char *field, size_t len)
{
	size_t n = 0;

	while (n < len && n + 1 < outlen && field[n]) {
		out[n] = field[n] >= 0x20 && field[n] < 0x7f ? field[n] : '?';
		n++;
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = 0;
}
