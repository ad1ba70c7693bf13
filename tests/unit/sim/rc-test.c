/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitor of reliable connections finds what it is there for: what was said in a good
 * conversation is told to it once more, with one thing about it wrong.
 */
#include <string.h>

#include "hw/roce/icrc.h"
#include "tests/unit/sim/talk.h"

#define AT (14 + 20 + 8) /* of the BTH */

struct frame {
	bool sent;
	uint64_t now;
	uint32_t len;
	uint8_t bytes[9000];
};

struct script {
	struct world_roce_tap tap;
	GPtrArray *frames;
};

static void record(struct world_roce_tap *tap, const struct world_node *node, bool sent,
		   const uint8_t *frame, uint32_t len, uint64_t now)
{
	struct frame *f = g_new0(struct frame, 1);

	(void)node;
	*f = (struct frame){ .sent = sent, .now = now, .len = len };
	memcpy(f->bytes, frame, len);
	g_ptr_array_add(((struct script *)tap)->frames, f);
}

static void script_open(struct script *s)
{
	struct talk t;

	*s = (struct script){ .tap = { record, NULL },
			      .frames = g_ptr_array_new_with_free_func(g_free) };
	talk_up(&t, 21, NULL);
	world_roce_tap_add(t.world, &s->tap);
	talk_start(&t, 40);
	g_assert_true(talk_wait(&t, WORLD_SEC));
	world_roce_tap_remove(t.world, &s->tap);
	talk_down(&t);
}

static void script_close(struct script *s)
{
	g_ptr_array_free(s->frames, TRUE);
}

static struct frame *frame_at(const struct script *s, unsigned i)
{
	return s->frames->pdata[i];
}

/* The nth frame sent with an opcode between these. */
static unsigned find(const struct script *s, uint8_t from, uint8_t to, unsigned nth)
{
	for (unsigned i = 0; i < s->frames->len; i++) {
		const struct frame *f = frame_at(s, i);

		if (f->sent && f->bytes[AT] >= from && f->bytes[AT] <= to && nth-- == 0)
			return i;
	}
	g_assert_not_reached();
}

static void hears(void *arg, char *text)
{
	GPtrArray *texts = arg;

	g_ptr_array_add(texts, text);
}

static bool deny(void *arg, const uint8_t host[16], uint32_t rkey, uint64_t va, uint32_t len,
		 bool write)
{
	(void)host;
	(void)rkey;
	(void)va;
	(void)len;
	return write != *(const bool *)arg;
}

/* Plays it; all complaints, "" when there is none. */
static char *play(const struct script *s, bool *denied)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	struct oracle_rc *o = oracle_rc_new(hears, texts);
	GString *all = g_string_new(NULL);

	if (denied)
		oracle_rc_memory(o, deny, denied);
	for (unsigned i = 0; i < s->frames->len; i++) {
		const struct frame *f = frame_at(s, i);

		oracle_rc_frame(o, f->sent, f->bytes, f->len, f->now);
	}
	oracle_rc_free(o);
	for (unsigned i = 0; i < texts->len; i++)
		g_string_append_printf(all, "%s\n", (const char *)texts->pdata[i]);
	return g_string_free(all, FALSE);
}

static void expect(const struct script *s, bool *denied, const char *part)
{
	g_autofree char *text = play(s, denied);

	if (strstr(text, part) == NULL)
		g_error("\"%s\" is not said, but \"%s\"", part, text);
}

static void seal(struct frame *f)
{
	struct roce_icrc_flow flow;
	struct net_addr from = { .family = NET_INET }, to = { .family = NET_INET };
	const uint8_t *ip = f->bytes + 14;

	memcpy(from.ip, ip + 12, 4);
	memcpy(to.ip, ip + 16, 4);
	from.port = (uint16_t)(ip[20] << 8 | ip[21]);
	to.port = (uint16_t)(ip[22] << 8 | ip[23]);
	roce_icrc_flow_init(&flow, &from, &to);
	roce_packet_seal(f->bytes + AT, f->len - AT, &flow);
}

/* Adds to a number of three bytes. */
static void add(struct frame *f, unsigned at, int by)
{
	uint8_t *p = f->bytes + AT + at;
	uint32_t v = ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) + (uint32_t)by;

	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
	seal(f);
}

static void put(struct frame *f, unsigned at, uint8_t v)
{
	f->bytes[AT + at] = v;
	seal(f);
}

/* It is sent once more at place i of the script. */
static struct frame *again(struct script *s, const struct frame *f, unsigned i)
{
	struct frame *copy = g_new(struct frame, 1);

	*copy = *f;
	g_ptr_array_insert(s->frames, (gint)i, copy);
	return copy;
}

#define ACK 0x11

static void left_out(struct script *s)
{
	g_ptr_array_remove_index(s->frames, find(s, 0, 0x0b, 20));
}

static void acknowledged(struct script *s)
{
	again(s, frame_at(s, find(s, 0, 0x0b, 2)), find(s, 0, 0x0b, 200));
}

static void other_bytes(struct script *s)
{
	unsigned i = find(s, 0x01, 0x01, 3);
	struct frame *copy = again(s, frame_at(s, i), i + 1);

	copy->bytes[AT + 100] ^= 1;
	seal(copy);
}

static void too_often(struct script *s)
{
	unsigned i = find(s, 0x01, 0x01, 3);

	for (unsigned n = 0; n < 10; n++)
		again(s, frame_at(s, i), i + 1);
}

static void other_part(struct script *s)
{
	put(frame_at(s, find(s, 0x00, 0x00, 3)), 0, 0x01);
}

static void other_length(struct script *s)
{
	struct frame *f = frame_at(s, find(s, 0x06, 0x06, 1));

	f->bytes[AT + 12 + 15] ^= 1;
	seal(f);
}

static void not_come(struct script *s)
{
	add(frame_at(s, find(s, ACK, ACK, 3)), 9, 2000);
}

static void less_than_before(struct script *s)
{
	add(frame_at(s, find(s, ACK, ACK, 6)), 9, -1000);
}

static void too_many_messages(struct script *s)
{
	add(frame_at(s, find(s, ACK, ACK, 2)), 13, 20);
}

static void behind_gap(struct script *s)
{
	struct frame *f = frame_at(s, find(s, ACK, ACK, 4));

	f->bytes[AT + 12] = 0x60;
	add(f, 9, 700);
}

static void not_asked(struct script *s)
{
	add(frame_at(s, find(s, 0x0d, 0x10, 2)), 9, -100000);
}

static void short_answer(struct script *s)
{
	put(frame_at(s, find(s, 0x0e, 0x0e, 2)), 1, 0x20);
}

static void wrong_answer(struct script *s)
{
	put(frame_at(s, find(s, 0x0f, 0x0f, 1)), 0, 0x10);
}

/* What it asks for after an RNR NAK must wait. */
static void not_ready(struct script *s)
{
	unsigned i = find(s, 0, 0x0b, 30), ack = find(s, ACK, ACK, 0);
	struct frame *nak = again(s, frame_at(s, ack), i), *first = frame_at(s, i + 1);

	nak->sent = false;
	nak->now = first->now;
	nak->bytes[AT + 12] = 0x20;
	memcpy(nak->bytes + AT + 9, first->bytes + AT + 9, 3);
	add(nak, 9, -1);
}

static void after_end(struct script *s)
{
	unsigned i = find(s, 0, 0x0b, 30), ack = find(s, ACK, ACK, 0);
	struct frame *nak = again(s, frame_at(s, ack), i), *first = frame_at(s, i + 1);

	nak->sent = true;
	nak->bytes[AT + 12] = 0x62;
	memcpy(nak->bytes + AT + 9, first->bytes + AT + 9, 3);
	seal(nak);
}

static void broken(struct script *s)
{
	frame_at(s, find(s, 0x01, 0x01, 0))->bytes[AT + 60] ^= 4;
}

static const struct {
	const char *name;
	void (*change)(struct script *s);
	const char *says;
} cases[] = {
	{ "gap", left_out, "left out" },
	{ "acknowledged", acknowledged, "it has been acknowledged" },
	{ "other-bytes", other_bytes, "not what was sent with this PSN at first" },
	{ "too-often", too_often, "retry without progress" },
	{ "other-part", other_part, "it never began" },
	{ "other-length", other_length, "a WRITE of" },
	{ "not-come", not_come, "acknowledges what has not come" },
	{ "less-than-before", less_than_before, "less than before" },
	{ "too-many-messages", too_many_messages, "messages have come" },
	{ "behind-gap", behind_gap, "behind a gap" },
	{ "not-asked", not_asked, "nobody has asked for it" },
	{ "short-answer", short_answer, "are due" },
	{ "wrong-answer", wrong_answer, "another part of the answer" },
	{ "not-ready", not_ready, "too soon after an RNR NAK" },
	{ "after-end", after_end, "it speaks after its own NAK" },
	{ "broken", broken, "a wrong ICRC" },
};

static void test_case(gconstpointer arg)
{
	unsigned i = GPOINTER_TO_UINT(arg);
	struct script s;

	script_open(&s);
	cases[i].change(&s);
	expect(&s, NULL, cases[i].says);
	script_close(&s);
}

static void test_good(void)
{
	g_autofree char *text = NULL;
	struct script s;

	script_open(&s);
	text = play(&s, NULL);
	g_assert_cmpstr(text, ==, "");
	script_close(&s);
}

/* No key allows what is read, or what is written. */
static void test_memory(void)
{
	bool reads = false, writes = true;
	struct script s;

	script_open(&s);
	expect(&s, &reads, "it lets memory be read that no key allows");
	expect(&s, &writes, "it has taken a WRITE that no key");
	script_close(&s);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/oracle/rc/good", test_good);
	g_test_add_func("/oracle/rc/memory", test_memory);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *name = g_strdup_printf("/oracle/rc/%s", cases[i].name);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_case);
	}
	return g_test_run();
}
