/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/integration/world/fixture.h"

#include <string.h>

#define LIMIT (60 * WORLD_SEC)

static bool busy(void *arg)
{
	return ((struct fx *)arg)->waiting > 0;
}

void fx_wait(struct fx *fx, uint64_t limit_ns)
{
	if (!world_run_while(fx->world, busy, fx, limit_ns))
		g_error("seed %" G_GUINT64_FORMAT
			": %u operations have not ended after %" G_GUINT64_FORMAT " ns",
			world_seed(fx->world), fx->waiting, limit_ns);
}

void fx_begin(struct fx *fx)
{
	fx->waiting++;
}

void fx_done(void *arg, const GError *error)
{
	struct fx *fx = arg;

	g_assert_no_error(error);
	fx->waiting--;
}

struct fx *fx_new(uint64_t seed, unsigned reactors)
{
	const struct core_options core = { .nreactors = reactors };

	return fx_new_with(seed, &core);
}

struct fx *fx_new_with(uint64_t seed, const struct core_options *core)
{
	struct fx *fx = g_new0(struct fx, 1);
	const struct target_options options = { .core = *core };
	GError *error = NULL;

	fx->world = world_new(seed);
	fx->node = world_node_new(fx->world, "target");
	g_assert_true(world_node_add_addr(fx->node, FX_ADDR));
	if (g_test_verbose())
		world_log_to(fx->world, stderr);
	fx->target = target_new(world_node_hw(fx->node), &options, &error);
	g_assert_no_error(error);
	return fx;
}

void fx_config(struct fx *fx, const char *json)
{
	fx_begin(fx);
	target_load_config(fx->target, "test", json, strlen(json), fx_done, fx);
	fx_wait(fx, LIMIT);
}

void fx_config_default(struct fx *fx, unsigned blocks)
{
	g_autofree char *json = g_strdup_printf(
		"{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":["
		"{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"Malloc0\","
		"\"num_blocks\":%u,\"block_size\":512}}]},"
		"{\"subsystem\":\"nvmf\",\"config\":["
		"{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\"}},"
		"{\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" FX_NQN "\","
		"\"allow_any_host\":true,\"serial_number\":\"WEFT1\"}},"
		"{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		"\"namespace\":{\"bdev_name\":\"Malloc0\"}}},"
		"{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" FX_NQN "\","
		"\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\",\"traddr\":\"" FX_ADDR
		"\","
		"\"trsvcid\":\"4420\"}}}]}]}",
		blocks);

	fx_config(fx, json);
}

struct fx_host *fx_host_new(struct fx *fx, unsigned reactors)
{
	struct fx_host *h = g_new0(struct fx_host, 1);
	const struct core_options options = { .nreactors = reactors };
	g_autofree char *name = g_strdup_printf("host%u", fx->nhosts);
	g_autofree char *addr = g_strdup_printf("192.0.2.%u", 10 + fx->nhosts);
	GError *error = NULL;

	g_assert_cmpuint(fx->nhosts, <, FX_HOSTS_MAX);
	h->fx = fx;
	h->index = fx->nhosts;
	h->node = world_node_new(fx->world, name);
	g_assert_true(world_node_add_addr(h->node, addr));
	h->core = core_new(world_node_hw(h->node), &options, &error);
	g_assert_no_error(error);
	g_assert_true(core_start(h->core, &error));
	h->hostnqn = g_strdup_printf("nqn.2014-08.org.nvmexpress:uuid:00000000-0000-4000-8000-"
				     "00000000000%u",
				     fx->nhosts);
	fx->hosts[fx->nhosts++] = h;
	return h;
}

static void event(struct host_ctrlr *c, enum host_event ev, const struct host_ns *ns, void *arg)
{
	struct fx_host *h = arg;

	(void)c;
	(void)ns;
	h->events[ev]++;
}

static void connected(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct fx_host *h = arg;

	g_clear_pointer(&h->error, g_free);
	h->ctrlr = error == NULL ? c : NULL;
	if (error != NULL)
		h->error = g_strdup(error->message);
	h->fx->waiting--;
	if (h->ctrlr != NULL && h->connected != NULL)
		h->connected(h);
}

void fx_connect_start(struct fx_host *h, struct host_params *params,
		      void (*on_connected)(struct fx_host *h))
{
	GError *error = NULL;

	if (params->addr.port == 0)
		g_assert_true(net_addr_parse(&params->addr, FX_ADDR, "4420", NULL));
	if (params->hostnqn == NULL)
		params->hostnqn = h->hostnqn;
	memset(params->hostid, 0x11 + (int)h->index, sizeof(params->hostid));
	params->event = event;
	params->event_arg = h;
	h->connected = on_connected;
	fx_begin(h->fx);
	g_assert_nonnull(host_ctrlr_connect(core_main(h->core), params, connected, h, &error));
	g_assert_no_error(error);
}

bool fx_connect(struct fx_host *h, struct host_params *params)
{
	fx_connect_start(h, params, NULL);
	fx_wait(h->fx, LIMIT);
	return h->ctrlr != NULL;
}

static void disconnected(void *arg)
{
	struct fx_host *h = arg;

	h->ctrlr = NULL;
	h->fx->waiting--;
}

void fx_disconnect(struct fx_host *h)
{
	if (h->ctrlr == NULL)
		return;
	fx_begin(h->fx);
	host_ctrlr_disconnect(h->ctrlr, disconnected, h);
	fx_wait(h->fx, LIMIT);
}

static void shut_down(void *arg)
{
	((struct fx *)arg)->waiting--;
}

void fx_shutdown(struct fx *fx)
{
	fx->shut = true;
	fx_begin(fx);
	target_shutdown(fx->target, shut_down, fx);
}

uint64_t fx_free(struct fx *fx)
{
	g_autofree char *leaks = NULL;
	uint64_t hash;

	for (unsigned i = 0; i < fx->nhosts; i++)
		fx_disconnect(fx->hosts[i]);
	if (!fx->shut)
		fx_shutdown(fx);
	fx_wait(fx, LIMIT);
	target_free(fx->target);
	for (unsigned i = 0; i < fx->nhosts; i++) {
		struct fx_host *h = fx->hosts[i];

		core_free(h->core);
		g_free(h->hostnqn);
		g_free(h->error);
		g_free(h);
	}
	leaks = world_leaks(fx->world);
	g_assert_cmpstr(leaks, ==, NULL);
	hash = world_hash(fx->world);
	world_free(fx->world);
	g_free(fx);
	return hash;
}
