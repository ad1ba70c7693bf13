/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to all targets of the process, told to the one listener of the first. Main reactor.
 */
#include "target/nvmf/tgt.h"

static const char *const names[] = {
#define X(id, name) [id] = name,
	NVMF_EVENTS(X)
#undef X
};

void nvmf_tgt_listen(struct nvmf_tgt *tgt,
		     void (*event)(void *arg, const char *type, const char *ctx), void *arg)
{
	tgt->event = event;
	tgt->event_arg = arg;
}

void nvmf_event(const struct nvmf_subsystem *s, enum nvmf_event event, const char *format, ...)
{
	const struct nvmf_tgt *tgt = s->tgt->first;
	char quoted[600];
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *ctx =
		g_strdup_printf("%s%s%s%s%s", s->nqn, s->tgt != tgt ? " tgt=" : "",
				s->tgt != tgt ? s->tgt->name : "", *what ? " " : "", what);
	log_info(tgt->core->log, "nvmf", names[event], "what=%s",
		 log_quote(ctx, quoted, sizeof(quoted)));
	if (tgt->event != NULL)
		tgt->event(tgt->event_arg, names[event], ctx);
}

void nvmf_listener_event(const struct nvmf_listener *l, enum nvmf_event event)
{
	nvmf_event(l->subsystem, event, "trtype=%s traddr=%s trsvcid=%s", l->trid.trtype,
		   l->trid.traddr, l->trid.trsvcid);
}
