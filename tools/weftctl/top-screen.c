/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The terminal: the only file that knows ncurses. It is given back as it was on every
 * way out; signals only end waiting (live.h), so there is one way out.
 */
#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "target/core/error.h"
#include "tools/weftctl/top.h"

#define ESCAPE_MS 25
/* A terminal that hangs up now gives something for ever: live_wait() finds that. */
#define MAX_KEYS 64

static void show(const struct top_page *page)
{
	erase();
	for (guint i = 0; i < page->lines->len; i++) {
		bool marked = (int)i == page->titles, selected = (int)i == page->selected;

		if (marked || selected)
			attron(marked ? A_BOLD | A_UNDERLINE : A_REVERSE);
		mvaddstr((int)i, 0, page->lines->pdata[i]);
		attrset(A_NORMAL);
	}
	refresh();
}

static void draw(struct top *top)
{
	struct top_page page;

	top_draw(top, COLS, LINES, &page);
	show(&page);
	g_ptr_array_unref(page.lines);
}

static void resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	clear();
}

static gunichar translate(wint_t key)
{
	switch (key) {
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_LEFT:
		return TOP_KEY_LEFT;
	case KEY_RIGHT:
		return TOP_KEY_RIGHT;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_HOME:
		return TOP_KEY_HOME;
	case KEY_END:
		return TOP_KEY_END;
	case KEY_BACKSPACE:
		return TOP_KEY_BACK;
	case KEY_BTAB:
		return TOP_KEY_BACKTAB;
	case KEY_ENTER:
		return '\n';
	default:
		return 0;
	}
}

static void take_keys(struct top *top)
{
	wint_t key;
	int rc;

	for (int n = 0; n < MAX_KEYS && !top->quit && (rc = get_wch(&key)) != ERR; n++) {
		gunichar c = rc == KEY_CODE_YES		 ? translate(key)
			     : key == 127 || key == '\b' ? (gunichar)TOP_KEY_BACK
							 : (gunichar)key;

		if (c)
			top_press(top, c, MAX(LINES - 5, 1));
	}
}

static void run(struct top *top)
{
	gint64 next;

	while (!top->quit && !live_ended()) {
		next = top_step(top);
		if (live_resized())
			resize();
		draw(top);
		if (!live_wait(&top->live, STDIN_FILENO, next))
			break;
		take_keys(top);
	}
}

bool top_screen(struct top *top, GError **error)
{
	const char *term = g_getenv("TERM");
	SCREEN *screen;

	setlocale(LC_ALL, "");
	top->ascii = !g_get_charset(NULL);
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return weft_error_set(error, -ENOTTY, NULL,
				      "top cannot use a terminal of type \"%s\" (TERM); "
				      "weftctl top --batch prints lines",
				      term ? term : "");
	set_term(screen);
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	run(top);
	endwin();
	delscreen(screen);
	return true;
}
