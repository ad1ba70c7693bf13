/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the RPC server as a state machine: several clients of a whole target in a
 * world, which send bytes and calls in pieces, stop reading, close one side or both,
 * come back, in any order; also before framework_start_init.
 *
 * Properties: all that a client receives is JSON texts, each an answer or an array of
 * them, of ids that it used; whoever comes afterwards is served; the configuration
 * can be shown; nothing leaks.
 */
#include <string.h>

#include "fuzz/input.h"
#include "target/rpc/json.h"
#include "tests/unit/rpc/rig.h"

#define CLIENTS 4
#define MAX_OPS 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Calls that make, show, wait for and remove things; @ is a digit of the id. */
static const char *const calls[] = {
	"{\"id\":@,\"method\":\"spdk_get_version\"}",
	"{\"id\":@,\"method\":\"framework_start_init\"}",
	"{\"id\":@,\"method\":\"framework_wait_init\"}",
	"{\"id\":@,\"method\":\"bdev_null_create\",\"params\":{\"name\":\"N\",\"block_size\":512,"
	"\"num_blocks\":64}}",
	"{\"id\":@,\"method\":\"bdev_null_delete\",\"params\":{\"name\":\"N\"}}",
	"{\"id\":@,\"method\":\"bdev_get_bdevs\",\"params\":{\"name\":\"N\",\"timeout\":50}}",
	"{\"id\":@,\"method\":\"construct_nvmf_subsystem\",\"params\":{\"nqn\":"
	"\"nqn.2016-06.io.spdk:a\",\"namespaces\":[\"N\"],\"listen_addresses\":[{\"transport\":"
	"\"TCP\",\"traddr\":\"0.0.0.0\",\"trsvcid\":\"4420\"}]}}",
	"{\"id\":@,\"method\":\"nvmf_delete_subsystem\",\"params\":{\"nqn\":"
	"\"nqn.2016-06.io.spdk:a\"}}",
	"{\"id\":@,\"method\":\"rpc_get_methods\",\"params\":{\"include_aliases\":true}}",
	"{\"id\":@,\"method\":\"framework_get_reactors\"}",
	"[{\"id\":@,\"method\":\"get_bdevs\"},{\"method\":\"log_get_level\"},1]",
	"{\"method\":\"log_set_level\",\"params\":{\"level\":\"ERROR\",\"x\":@}}",
};

static void send_call(struct client *c, struct fuzz_input *in)
{
	const char *call = calls[fuzz_byte(in) % G_N_ELEMENTS(calls)];
	uint8_t cut = fuzz_byte(in);
	g_autofree char *text = NULL;

	text = g_strdup(call);
	*strchr(text, '@') = (char)('0' + cut % 10);
	client_send_len(c, text, cut < 128 ? strlen(text) : strlen(text) - MIN(cut - 127u, 20u));
}

static void send_bytes(struct client *c, struct fuzz_input *in)
{
	char bytes[256];
	size_t len = MIN((size_t)fuzz_byte(in), in->len);

	fuzz_bytes(in, bytes, len);
	client_send_len(c, bytes, len);
}

/* Complete texts only are looked at: a connection may end in the midst of one. */
static void check_answers(struct client *c)
{
	char *text;

	while ((c->in->len > 0 || !c->closed) && (text = client_answer(c))) {
		struct jv_doc *doc = jv_parse(text, strlen(text), 0, NULL);
		const struct jv *first;

		g_assert_nonnull(doc);
		first = jv_root(doc)->type == JV_ARRAY ? jv_root(doc)->first : jv_root(doc);
		for (; first; first = first->next) {
			g_assert_nonnull(jv_member(first, "id"));
			g_assert_true(!jv_member(first, "result") != !jv_member(first, "error"));
		}
		jv_doc_unref(doc);
		g_free(text);
	}
}

static void one_op(struct rig *rig, struct client **at, struct fuzz_input *in)
{
	struct client *c = *at;
	uint8_t op = fuzz_byte(in);

	switch (op >> 2 & 7) {
	case 0:
	case 1:
		send_call(c, in);
		break;
	case 2:
		send_bytes(c, in);
		break;
	case 3:
		c->hold = true;
		break;
	case 4:
		client_resume(c);
		break;
	case 5:
		c->half_close = true;
		client_send_len(c, "", 0);
		break;
	case 6:
		client_free(c);
		*at = client_open(rig);
		break;
	default:
		world_run_for(rig->world, fuzz_byte(in) * WORLD_US);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t first = fuzz_byte(&in);
	struct rig *rig;
	struct client *clients[CLIENTS];
	g_autofree char *answer = NULL, *saved = NULL;

	fuzz_abort_on_trap();
	rig = first & 1 ? rig_new_waiting(first, 1) : rig_new(first, 1);
	rig_segments(rig, 1, first & 2 ? 16 : 65536);
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i] = client_open(rig);
	for (unsigned n = 0; in.len > 0 && n < MAX_OPS; n++)
		one_op(rig, &clients[in.data[0] % CLIENTS], &in);
	world_run_for(rig->world, 100 * WORLD_MS);
	answer = rig_ask(rig, "{\"id\":\"last\",\"method\":\"spdk_get_version\"}");
	g_assert_nonnull(strstr(answer, "{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"result\":{"));
	saved = rig_saved(rig);
	/* The end answers what waits still. */
	rig_shutdown(rig);
	for (unsigned i = 0; i < CLIENTS; i++) {
		client_resume(clients[i]);
		check_answers(clients[i]);
		client_free(clients[i]);
	}
	rig_free(rig);
	return 0;
}
