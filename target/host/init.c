/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a connected admin queue to LIVE, one command after the other; keep-alives
 * and event requests; the shutdown notification.
 *
 * Each step issues a command and names the step that follows its success; a
 * failure is the same everywhere (command_done()).
 */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/core/trace.h"
#include "target/host/priv.h"

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define CC_VALUE (NVME_CC_EN | 6u << 16 | 4u << 20)
#define CC_SHN_NORMAL (1u << 14)
#define SHUTDOWN_NS HOST_MS(5000)

bool host_ctrlr_submit(struct host_ctrlr *c, struct host_io *io, uint64_t timeout_ns)
{
	return c->admin->state == HOST_QPAIR_LIVE &&
	       host_qpair_submit(c->admin, io, timeout_ns) == 0;
}

/* A failure of the queue is reported by the queue, with its cause. */
static void failed(struct host_ctrlr *c, const char *what, uint16_t status)
{
	if (c->admin->state == HOST_QPAIR_LIVE)
		host_ctrlr_fail(c, host_status_error(what, status));
}

static void command_done(struct host_io *io)
{
	struct host_ctrlr *c = container(io, struct host_ctrlr, io);

	if (c->admin->state != HOST_QPAIR_LIVE || c->state == HOST_CTRLR_RESETTING)
		return;
	if (io->status)
		failed(c, c->what, io->status);
	else
		c->next(c);
}

static void issue(struct host_ctrlr *c, const char *what, void (*next)(struct host_ctrlr *c))
{
	c->what = what;
	c->next = next;
	c->io.done = command_done;
	if (!host_ctrlr_submit(c, &c->io, HOST_MS(c->params.io_timeout_ms)))
		failed(c, what, NVME_SC_INTERNAL_PATH_ERROR);
}

static void get_property(struct host_ctrlr *c, uint32_t offset, unsigned attrib, const char *what,
			 void (*next)(struct host_ctrlr *c))
{
	struct nvme_property_cmd cmd = {
		.opcode = NVME_OP_FABRICS,
		.fctype = NVME_FCTYPE_PROPERTY_GET,
		.attrib = (uint8_t)attrib,
		.offset = offset,
	};

	memcpy(&c->io.cmd, &cmd, sizeof(cmd));
	c->io.niov = 0;
	issue(c, what, next);
}

static void set_cc(struct host_ctrlr *c, uint32_t value, const char *what,
		   void (*next)(struct host_ctrlr *c))
{
	struct nvme_property_cmd cmd = {
		.opcode = NVME_OP_FABRICS,
		.fctype = NVME_FCTYPE_PROPERTY_SET,
		.offset = NVME_REG_CC,
		.value = value,
	};

	memcpy(&c->io.cmd, &cmd, sizeof(cmd));
	c->io.niov = 0;
	issue(c, what, next);
}

static void set_feature(struct host_ctrlr *c, uint8_t fid, uint32_t value, const char *what,
			void (*next)(struct host_ctrlr *c))
{
	c->io.cmd = (struct nvme_cmd){
		.opcode = NVME_ADMIN_SET_FEATURES,
		.cdw10 = fid,
		.cdw11 = value,
	};
	c->io.niov = 0;
	issue(c, what, next);
}

/* --- features, namespaces, queues ------------------------------------------------------- */

void host_ctrlr_scanned(struct host_ctrlr *c)
{
	host_ctrlr_set_state(c, HOST_CTRLR_QUEUES);
	host_ctrlr_connect_queues(c, c->granted);
}

static void scan(struct host_ctrlr *c)
{
	host_ctrlr_set_state(c, HOST_CTRLR_SCAN);
	host_scan_start(c, false);
}

static void got_queues(struct host_ctrlr *c)
{
	uint32_t dw0 = c->io.cpl.dw0;

	c->granted = MIN(dw0 & 0xffff, dw0 >> 16) + 1;
	scan(c);
}

static void ask_queues(struct host_ctrlr *c)
{
	uint32_t n = c->params.io_queues - 1;

	if (c->discovery) {
		host_ctrlr_live(c);
	} else if (c->params.io_queues == 0) {
		c->granted = 0;
		scan(c);
	} else {
		set_feature(c, NVME_FEAT_QUEUES, n | n << 16, "Set Features (number of queues)",
			    got_queues);
	}
}

static void set_events(struct host_ctrlr *c)
{
	uint32_t want = c->id->oaes & (NVME_OAES_NS_ATTR | NVME_OAES_ANA | NVME_OAES_DISCOVERY);

	if (want)
		set_feature(c, NVME_FEAT_AEC, want, "Set Features (asynchronous events)",
			    ask_queues);
	else
		ask_queues(c);
}

/* --- identify ------------------------------------------------------------------------- */

static void got_identify(struct host_ctrlr *c)
{
	unsigned shift = 12 + (unsigned)(c->cap >> 48 & 0xf);
	uint64_t capsule;

	memcpy(c->id, c->buf, sizeof(*c->id));
	c->max_io = HOST_MAX_IO;
	if (c->id->mdts && shift + c->id->mdts < 32)
		c->max_io = MIN(HOST_MAX_IO, 1u << (shift + c->id->mdts));
	/* IOCCSZ holds the command too. Data elsewhere than behind it is not for us. */
	capsule = (uint64_t)c->id->ioccsz * 16;
	c->io_conn = (struct host_conn){
		.capsule_data = capsule > 64 && c->id->icdoff == 0
					? (uint32_t)MIN(capsule - 64, HOST_MAX_IO)
					: 0,
		.max_io = c->max_io,
		.cntlid = c->cntlid,
	};
	c->admin->conn.max_io = c->max_io;
	set_events(c);
}

static void identify(struct host_ctrlr *c)
{
	host_ctrlr_set_state(c, HOST_CTRLR_IDENTIFY);
	c->io.cmd = (struct nvme_cmd){ .opcode = NVME_ADMIN_IDENTIFY, .cdw10 = NVME_CNS_CTRLR };
	c->iov = (struct iovec){ c->buf, 4096 };
	c->io.iov = &c->iov;
	c->io.niov = 1;
	issue(c, "Identify Controller", got_identify);
}

/* --- enable ------------------------------------------------------------------------------ */

static void read_csts(struct host_ctrlr *c);

static void poll_fn(struct timer *timer, struct reactor *r)
{
	(void)r;
	read_csts(container(timer, struct host_ctrlr, poll));
}

static void got_csts(struct host_ctrlr *c)
{
	uint32_t csts = c->io.cpl.dw0;
	GError *error = NULL;

	if (c->state == HOST_CTRLR_SHUTDOWN) {
		if ((csts & NVME_CSTS_SHST_MASK) == NVME_CSTS_SHST_COMPLETE ||
		    c->reactor->now >= c->poll_until)
			weft_error_set(&error, -ESHUTDOWN, NULL, "Shut down.");
	} else if (csts & NVME_CSTS_CFS) {
		weft_error_set(&error, -EIO, NULL,
			       "The controller reports a fatal error (CSTS.CFS).");
	} else if (csts & NVME_CSTS_RDY) {
		identify(c);
		return;
	} else if (c->reactor->now >= c->poll_until) {
		weft_error_set(&error, -ETIMEDOUT, NULL,
			       "The controller did not become ready in the %u ms it allows itself.",
			       (unsigned)MAX(1, c->cap >> 24 & 0xff) * 500);
	}
	if (error)
		host_ctrlr_fail(c, error);
	else
		reactor_timer_set(c->reactor, &c->poll, c->reactor->now + HOST_POLL_NS);
}

static void read_csts(struct host_ctrlr *c)
{
	get_property(c, NVME_REG_CSTS, 0, "Property Get (CSTS)", got_csts);
}

static void got_vs(struct host_ctrlr *c)
{
	c->vs = c->io.cpl.dw0;
	c->poll_until = c->reactor->now + MAX(1, c->cap >> 24 & 0xff) * HOST_MS(500);
	set_cc(c, CC_VALUE, "Property Set (CC.EN)", read_csts);
}

static void got_cap(struct host_ctrlr *c)
{
	c->cap = c->io.cpl.value;
	get_property(c, NVME_REG_VS, 0, "Property Get (VS)", got_vs);
}

void host_ctrlr_begin(struct host_ctrlr *c)
{
	host_ctrlr_set_state(c, HOST_CTRLR_ENABLE);
	host_ctrlr_keep_alive_start(c);
	get_property(c, NVME_REG_CAP, 1, "Property Get (CAP)", got_cap);
}

void host_ctrlr_shutdown(struct host_ctrlr *c)
{
	host_ctrlr_set_state(c, HOST_CTRLR_SHUTDOWN);
	c->poll_until = c->reactor->now + SHUTDOWN_NS;
	set_cc(c, CC_VALUE | CC_SHN_NORMAL, "Property Set (CC.SHN)", read_csts);
}

/* --- keep alive ---------------------------------------------------------------------------- */

static void ka_done(struct host_io *io)
{
	struct host_ctrlr *c = container(io, struct host_ctrlr, ka);

	c->ka_busy = false;
	if (io->status && c->state != HOST_CTRLR_RESETTING)
		failed(c, "Keep Alive", io->status);
}

static void ka_fn(struct timer *timer, struct reactor *r)
{
	struct host_ctrlr *c = container(timer, struct host_ctrlr, ka_timer);

	reactor_timer_set(r, timer, r->now + HOST_MS(c->params.kato_ms) / 2);
	if (c->ka_busy)
		return;
	c->ka.done = ka_done;
	c->ka.cmd = (struct nvme_cmd){ .opcode = NVME_ADMIN_KEEP_ALIVE };
	c->ka_busy = host_ctrlr_submit(c, &c->ka, HOST_MS(c->params.kato_ms));
}

void host_ctrlr_keep_alive_start(struct host_ctrlr *c)
{
	if (c->params.kato_ms)
		reactor_timer_set(c->reactor, &c->ka_timer,
				  c->reactor->now + HOST_MS(c->params.kato_ms) / 2);
}

/* --- asynchronous events --------------------------------------------------------------------- */

static void aer_submit(struct host_ctrlr *c, struct host_io *io);

static void aer_done(struct host_io *io)
{
	/* The array is inside of the controller; which element is said by a spare field. */
	struct host_ctrlr *c = (void *)((char *)(io - io->lba) - offsetof(struct host_ctrlr, aer));
	uint32_t dw0 = io->cpl.dw0;

	/* Aborted, refused or at its limit: asking again would be answered the same. */
	if (c->state != HOST_CTRLR_LIVE || io->status)
		return;
	trace_write(c->reactor->trace, TRACE_AER, c->cntlid, dw0);
	aer_submit(c, io);
	if ((dw0 & 7) != NVME_AEN_TYPE_NOTICE)
		return;
	if ((dw0 >> 8 & 0xff) == NVME_AEN_NOTICE_NS_CHANGED && !c->discovery)
		host_scan_start(c, true);
	else if ((dw0 >> 8 & 0xff) == NVME_AEN_NOTICE_ANA && !c->discovery)
		host_ctrlr_event(c, HOST_EVENT_ANA, NULL);
	else if ((dw0 >> 8 & 0xff) == NVME_AEN_NOTICE_DISCOVERY && c->discovery)
		host_ctrlr_event(c, HOST_EVENT_DISCOVERY, NULL);
}

static void aer_submit(struct host_ctrlr *c, struct host_io *io)
{
	io->done = aer_done;
	io->cmd = (struct nvme_cmd){ .opcode = NVME_ADMIN_AER };
	c->aer_waits[io->lba] = !host_ctrlr_submit(c, io, HW_NEVER);
	if (c->aer_waits[io->lba])
		host_ctrlr_again(c);
}

/* --- a full admin queue -------------------------------------------------------------------- */

#define AGAIN_NS HOST_MS(10)

static void again_fn(struct timer *timer, struct reactor *r)
{
	struct host_ctrlr *c = container(timer, struct host_ctrlr, again);

	(void)r;
	for (unsigned i = 0; i < HOST_AERS; i++) {
		if (c->aer_waits[i])
			aer_submit(c, &c->aer[i]);
	}
	if (c->scan_waits)
		host_scan_again(c);
}

void host_ctrlr_again(struct host_ctrlr *c)
{
	if (!timer_is_set(&c->again))
		reactor_timer_set(c->reactor, &c->again, c->reactor->now + AGAIN_NS);
}

/* The connection is gone: a new one begins anew. */
void host_ctrlr_again_stop(struct host_ctrlr *c)
{
	reactor_timer_cancel(c->reactor, &c->again);
	memset(c->aer_waits, 0, sizeof(c->aer_waits));
	if (c->scan_waits)
		c->scan_waits = c->scanning = c->rescan = false;
}

void host_ctrlr_aer_start(struct host_ctrlr *c)
{
	/* They stay; a small queue needs room for keep-alives, too. */
	unsigned n = MIN(MIN(HOST_AERS, c->id->aerl + 1u), c->admin->sqsize / 2u);

	if (!(c->id->oaes & (NVME_OAES_NS_ATTR | NVME_OAES_DISCOVERY)))
		return;
	for (unsigned i = 0; i < n; i++) {
		c->aer[i].lba = i;
		aer_submit(c, &c->aer[i]);
	}
}

void host_ctrlr_init(struct host_ctrlr *c)
{
	timer_init(&c->poll, poll_fn);
	timer_init(&c->ka_timer, ka_fn);
	timer_init(&c->again, again_fn);
}
