/* SPDX-License-Identifier: BSD-3-Clause */
/* weft-host perf: the progress line and the result. */
#include <stdio.h>
#include <stdlib.h>

#include "tools/weft-host/perf.h"

static const struct {
	const char *name;
	unsigned permille;
} percentiles[] = { { "p50", 500 }, { "p90", 900 }, { "p99", 990 }, { "p99.9", 999 } };

/* Read where another thread counts: a moment's picture. */
void perf_progress(struct perf *p, uint64_t now)
{
	uint64_t ios = 0, lat = 0;

	for (unsigned i = 0; i < p->nworkers; i++) {
		ios += atomic_load_explicit(&p->workers[i].ios_done, memory_order_relaxed);
		lat += atomic_load_explicit(&p->workers[i].lat_sum, memory_order_relaxed);
	}
	uint64_t n = ios - p->last_ios, ns = now - p->last_time;

	if (ns > 100000000) {
		double iops = (double)n * 1e9 / (double)ns;

		fprintf(stderr, "\r%4.0f s  %10.0f IOPS  %8.1f MB/s  avg %.1f us  ",
			(double)(now - p->started) / 1e9, iops,
			iops * p->blocks * p->block_size / 1e6,
			n ? (double)(lat - p->last_lat) / (double)n / 1e3 : 0);
		fflush(stderr);
	}
	p->last_ios = ios;
	p->last_lat = lat;
	p->last_time = now;
}

static void print_line(const char *name, const struct hist *h, double seconds, uint32_t bytes)
{
	double iops = seconds > 0 ? (double)h->count / seconds : 0;

	g_print("%-6s %11.0f IOPS  %9.1f MB/s  latency us: avg %.1f", name, iops,
		iops * bytes / 1e6, h->count ? (double)h->sum / (double)h->count / 1e3 : 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(percentiles); i++)
		g_print("  %s %.1f", percentiles[i].name,
			(double)hist_percentile(h, percentiles[i].permille) / 1e3);
	g_print("  max %.1f\n", (double)h->max / 1e3);
}

static void add_hist(JsonBuilder *b, const char *name, const struct hist *h, double seconds,
		     uint32_t bytes)
{
	double iops = seconds > 0 ? (double)h->count / seconds : 0;

	json_builder_set_member_name(b, name);
	json_builder_begin_object(b);
	json_builder_set_member_name(b, "ios");
	json_builder_add_int_value(b, (gint64)h->count);
	json_builder_set_member_name(b, "iops");
	json_builder_add_double_value(b, iops);
	json_builder_set_member_name(b, "bytes_per_second");
	json_builder_add_double_value(b, iops * bytes);
	json_builder_set_member_name(b, "latency_us");
	json_builder_begin_object(b);
	json_builder_set_member_name(b, "avg");
	json_builder_add_double_value(b, h->count ? (double)h->sum / (double)h->count / 1e3 : 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(percentiles); i++) {
		json_builder_set_member_name(b, percentiles[i].name);
		json_builder_add_double_value(
			b, (double)hist_percentile(h, percentiles[i].permille) / 1e3);
	}
	json_builder_set_member_name(b, "max");
	json_builder_add_double_value(b, (double)h->max / 1e3);
	json_builder_end_object(b);
	json_builder_end_object(b);
}

static void print_result(const struct perf *p, const struct hist h[3], double seconds,
			 uint64_t errors)
{
	static const char *const names[] = { "read", "write", "total" };
	uint32_t bytes = p->blocks * p->block_size;
	bool both = h[0].count && h[1].count;
	JsonBuilder *b;

	if (!p->app->o.json) {
		for (unsigned i = 0; i < 3; i++)
			if (i == 2 ? both || !h[2].count : h[i].count != 0)
				print_line(names[i], &h[i], seconds, bytes);
		return;
	}
	b = json_builder_new();
	json_builder_begin_object(b);
	json_builder_set_member_name(b, "seconds");
	json_builder_add_double_value(b, seconds);
	json_builder_set_member_name(b, "io_size");
	json_builder_add_int_value(b, bytes);
	json_builder_set_member_name(b, "depth");
	json_builder_add_int_value(b, p->app->o.depth);
	json_builder_set_member_name(b, "queues");
	json_builder_add_int_value(b, p->nworkers);
	json_builder_set_member_name(b, "errors");
	json_builder_add_int_value(b, (gint64)errors);
	for (unsigned i = 0; i < 3; i++)
		add_hist(b, names[i], &h[i], seconds, bytes);
	json_builder_end_object(b);
	json_print(b);
}

void perf_report(struct perf *p)
{
	struct hist *h = g_new0(struct hist, 3);
	struct app *app = p->app;
	uint64_t errors = 0, until = 0;
	uint16_t status = 0;

	if (p->tty)
		fprintf(stderr, "\r\033[K");
	reactor_timer_cancel(core_main(app->core), &p->tick);
	for (unsigned i = 0; i < p->nworkers; i++) {
		struct perf_worker *w = &p->workers[i];

		hist_merge(&h[0], &w->hist[0]);
		hist_merge(&h[1], &w->hist[1]);
		errors += w->errors;
		status = status ? status : w->first_status;
		until = MAX(until, w->stopped_at);
		p->app->hw->mem->ops->free(p->app->hw->mem, w->data);
		g_free(w->ios);
	}
	hist_merge(&h[2], &h[0]);
	hist_merge(&h[2], &h[1]);
	if (until == 0)
		until = hw_now(app->hw);
	print_result(p, h, (double)(until - p->started) / 1e9, errors);
	if (errors)
		g_printerr("weft-host: %" G_GUINT64_FORMAT
			   " I/Os failed, the first with: %s (0x%x)\n",
			   (guint64)errors, status ? nvme_status_name(status) : "not connected",
			   status);
	g_free(h);
	g_ptr_array_add(app->garbage, p->workers);
	g_ptr_array_add(app->garbage, p);
	app->work = NULL;
	app_finish(app, errors ? 1 : 0);
}
