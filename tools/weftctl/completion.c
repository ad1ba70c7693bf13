/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completion for shells, from the tables. Names of block devices and subsystems are
 * asked of the target while one types (weftctl --names), if it answers.
 */
#include <string.h>

#include "tools/weftctl/weftctl.h"

static const char *const names_texts[] = {
	[NAMES_NONE] = "any",  [NAMES_BDEV] = "bdev",	  [NAMES_NQN] = "nqn",
	[NAMES_FILE] = "file", [NAMES_METHOD] = "method",
};

/* Calls each with every spelling of an option: "-t", "--trtype", "--no-monitor". */
static void spellings(const struct arg *a,
		      void (*each)(GString *out, const struct arg *a, const char *spelling),
		      GString *out)
{
	char letter[3] = { '-', a->letter, '\0' };
	g_autofree char *name = g_strconcat("--", a->name, NULL);
	g_autofree char *no = g_strconcat("--no-", a->name, NULL);

	if (a->letter)
		each(out, a, letter);
	if (a->also)
		each(out, a, a->also);
	each(out, a, name);
	if (a->type == ARG_SWITCH)
		each(out, a, no);
}

/* --- bash ------------------------------------------------------------------------------------- */

/*
 * A word for each spelling and positional: "-b:bdev" takes the name of a block device,
 * "-a:-" nothing, "-f:=ipv4,ipv6" one of those, "@:nqn" is a positional.
 */
static void bash_word(GString *out, const struct arg *a, const char *spelling)
{
	g_string_append_printf(out, " %s:", spelling);
	if (arg_is_flag(a)) {
		g_string_append_c(out, '-');
	} else if (a->values) {
		g_autofree char *values = g_strdelimit(g_strdup(a->values), " ", ',');

		g_string_append_printf(out, "=%s", values);
	} else {
		g_string_append(out, names_texts[a->names]);
	}
}

static char *bash_words(const struct command *c)
{
	g_autoptr(GString) out = g_string_new("-h:- --help:-");

	for (const struct arg *a = command_args(c); a->name; a++) {
		if (a->positional)
			bash_word(out, a, "@");
		else
			spellings(a, bash_word, out);
	}
	return g_strdup(out->str);
}

static void bash_case(void *arg, const struct command *c)
{
	g_autofree char *words = bash_words(c);

	(void)arg;
	g_print("\t%s) words='%s' ;;\n", c->method, words);
}

static void print_method(void *arg, const struct command *c)
{
	g_print("%s%s", (const char *)arg, c->method);
}

static const char bash_logic[] =
	"# The words of a line up to the cursor; the last is the one being typed.\n"
	"_weftctl_line()\n"
	"{\n"
	"\tread -ra line <<< \"${COMP_LINE:0:COMP_POINT}\"\n"
	"\tif [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]]; then\n"
	"\t\tline+=(\"\")\n"
	"\tfi\n"
	"}\n"
	"\n"
	"# What may stand for KIND, one a line.\n"
	"_weftctl_values()\n"
	"{\n"
	"\tcase $1 in\n"
	"\t=*) tr , '\\n' <<< \"${1#=}\" ;;\n"
	"\tbdev | nqn) \"${line[0]}\" \"${options[@]}\" -t 2 --names \"$1\" 2>/dev/null ;;\n"
	"\tmethod) printf '%s\\n' \"${methods[@]}\" ;;\n"
	"\tfile) compgen -f -- \"$cur\" ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"# Sets kind to what the word being typed is, by the words before it from FIRST on.\n"
	"_weftctl_kind()\n"
	"{\n"
	"\tlocal i entry positional=0 seen=0 word\n"
	"\n"
	"\tkind=\n"
	"\tfor ((i = $1; i < ${#line[@]} - 1; i++)); do\n"
	"\t\tword=${line[i]} kind=\n"
	"\t\tfor entry in $words; do\n"
	"\t\t\t[[ ${entry%%:*} == \"$word\" && $entry != *:- ]] && kind=${entry#*:}\n"
	"\t\tdone\n"
	"\t\tif [[ $kind ]]; then\n"
	"\t\t\t((++i == ${#line[@]} - 1)) && return\n"
	"\t\t\tkind=\n"
	"\t\telif [[ $word != -* ]]; then\n"
	"\t\t\tpositional=$((positional + 1))\n"
	"\t\tfi\n"
	"\tdone\n"
	"\t[[ $cur == -* ]] && return\n"
	"\tfor entry in $words; do\n"
	"\t\t[[ $entry == @:* ]] && ((seen++ == positional)) && kind=${entry#*:}\n"
	"\tdone\n"
	"}\n"
	"\n"
	"_weftctl()\n"
	"{\n"
	"\tlocal -a line=() options=() candidates=()\n"
	"\tlocal cur kind words method='' i=1 colon\n"
	"\n"
	"\t_weftctl_line\n"
	"\tcur=${line[-1]}\n"
	"\t_weftctl_words weftctl\n"
	"\twhile ((i < ${#line[@]} - 1)) && [[ ${line[i]} == -* ]]; do\n"
	"\t\toptions+=(\"${line[i]}\")\n"
	"\t\tif [[ \" $words \" == *\" ${line[i]}:\"[!-]* ]] && ((i + 1 < ${#line[@]} - 1)); then\n"
	"\t\t\toptions+=(\"${line[++i]}\")\n"
	"\t\telif [[ \" $words \" == *\" ${line[i]}:\"[!-]* ]]; then\n"
	"\t\t\tbreak\n"
	"\t\tfi\n"
	"\t\ti=$((i + 1))\n"
	"\tdone\n"
	"\tif ((i < ${#line[@]} - 1)) && [[ ${line[i]} != -* ]]; then\n"
	"\t\tmethod=${line[i]}\n"
	"\t\t_weftctl_words \"$method\"\n"
	"\t\t_weftctl_kind $((i + 1))\n"
	"\telse\n"
	"\t\twords+=' @:method'\n"
	"\t\t_weftctl_kind \"$i\"\n"
	"\tfi\n"
	"\tif [[ $kind ]]; then\n"
	"\t\tmapfile -t candidates < <(_weftctl_values \"$kind\")\n"
	"\telse\n"
	"\t\tfor i in $words; do\n"
	"\t\t\t[[ $i == -* ]] && candidates+=(\"${i%%:*}\")\n"
	"\t\tdone\n"
	"\tfi\n"
	"\tmapfile -t COMPREPLY < <(IFS=$'\\n'; compgen -W \"${candidates[*]}\" -- \"$cur\")\n"
	"\t# readline takes what follows a colon for a word of its own\n"
	"\tif [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then\n"
	"\t\tcolon=${cur%:*}:\n"
	"\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"$colon\"}\")\n"
	"\tfi\n"
	"}\n"
	"\n"
	"complete -o filenames -F _weftctl weftctl\n";

static void print_bash(void)
{
	g_autofree char *own = bash_words(&command_self);

	g_print("# bash completion of weftctl; made by weftctl --completion bash\n"
		"# shellcheck shell=bash\n\n_weftctl_words()\n{\n\tmethods=(");
	command_each(print_method, "\n\t\t");
	g_print("\n\t)\n\tcase $1 in\n\tweftctl) words='%s' ;;\n", own);
	command_each(bash_case, NULL);
	g_print("\t*) words='-h:- --help:-' ;;\n\tesac\n}\n\n%s", bash_logic);
}

/* --- zsh and fish ------------------------------------------------------------------------------
 */

/* Without what means something in a quoted argument of theirs. */
static char *plain(const char *text)
{
	char *s = g_strdup(text);

	for (char *c = s; *c; c++)
		if (strchr("'\"\\[]:`$", *c))
			*c = strchr("[", *c) ? '(' : strchr("]", *c) ? ')' : ' ';
	return s;
}

static char *zsh_action(const struct arg *a)
{
	if (a->values)
		return g_strdup_printf("(%s)", a->values);
	if (a->names == NAMES_FILE)
		return g_strdup("_files");
	if (a->names == NAMES_METHOD)
		return g_strdup("_weftctl_methods");
	return a->names == NAMES_NONE ? g_strdup(" ")
				      : g_strdup_printf("_weftctl_names %s", names_texts[a->names]);
}

static void zsh_spelling(GString *out, const struct arg *a, const char *spelling)
{
	g_autofree char *help = plain(a->help), *action = zsh_action(a);

	g_string_append_printf(out, " \\\n\t\t\t'*%s[%s]", spelling, help);
	if (!arg_is_flag(a))
		g_string_append_printf(out, ":%s:%s", a->name, action);
	g_string_append_c(out, '\'');
}

static char *zsh_arguments(const struct command *c)
{
	g_autoptr(GString) out = g_string_new(NULL);
	unsigned positional = 0;

	for (const struct arg *a = command_args(c); a->name; a++) {
		g_autofree char *action = zsh_action(a);

		if (a->positional)
			g_string_append_printf(out, " \\\n\t\t\t'%u:%s:%s'", ++positional, a->name,
					       action);
		else
			spellings(a, zsh_spelling, out);
	}
	return g_strdup(out->str);
}

static void zsh_method(void *arg, const struct command *c)
{
	g_autofree char *summary = plain(c->summary);

	(void)arg;
	g_print("\t\t'%s:%s'\n", c->method, summary);
}

static void zsh_case(void *arg, const struct command *c)
{
	g_autofree char *arguments = zsh_arguments(c);

	(void)arg;
	g_print("\t%s)\n\t\t_arguments '(- *)'{-h,--help}'[show help]'%s\n\t\t;;\n", c->method,
		arguments);
}

static void print_zsh(void)
{
	g_autofree char *own = zsh_arguments(&command_self);

	g_print("#compdef weftctl\n# made by weftctl --completion zsh\n\n"
		"_weftctl_names()\n{\n\tlocal -a names\n"
		"\tnames=(${(f)\"$(weftctl -t 2 --names $1 2>/dev/null)\"})\n"
		"\tcompadd -a names\n}\n\n"
		"_weftctl_methods()\n{\n\tlocal -a methods\n\tmethods=(\n");
	command_each(zsh_method, NULL);
	g_print("\t)\n\t_describe method methods\n}\n\n"
		"_weftctl()\n{\n\tlocal curcontext=$curcontext state line\n"
		"\ttypeset -A opt_args\n\n"
		"\t_arguments -C '(- *)'{-h,--help}'[show help]'%s \\\n"
		"\t\t\t'1:method:_weftctl_methods' '*::argument:->arguments'\n"
		"\t[[ $state == arguments ]] || return\n\tcase $words[1] in\n",
		own);
	command_each(zsh_case, NULL);
	g_print("\tesac\n}\n\n_weftctl \"$@\"\n");
}

/* The options that are written so and so; what complete(1) of fish needs for a value. */
static void fish_argument(const char *condition, const struct arg *a)
{
	g_autofree char *help = plain(a->help);

	if (a->positional && a->names == NAMES_NONE && !a->values)
		return;
	g_print("complete -c weftctl -n '%s' -d '%s'", condition, help);
	if (!a->positional && a->letter)
		g_print(" -s %c", a->letter);
	if (!a->positional && a->also && a->also[1] != '-')
		g_print(" -o %s", a->also + 1);
	if (!a->positional)
		g_print(" -l %s%s", a->name, arg_is_flag(a) ? "" : " -r");
	if (a->values)
		g_print(" -f -a '%s'", a->values);
	else if (a->names == NAMES_BDEV || a->names == NAMES_NQN)
		g_print(" -f -a '(weftctl -t 2 --names %s 2>/dev/null)'", names_texts[a->names]);
	else if (a->names == NAMES_FILE)
		g_print(" -F");
	g_print("\n");
	if (a->type == ARG_SWITCH)
		g_print("complete -c weftctl -n '%s' -d 'not so' -l no-%s\n", condition, a->name);
}

static void fish_method(void *arg, const struct command *c)
{
	g_autofree char *condition =
		g_strdup_printf("contains -- %s (__weftctl_method)", c->method);
	g_autofree char *summary = plain(c->summary);

	(void)arg;
	g_print("complete -c weftctl -n 'not __weftctl_method >/dev/null' -a %s -d '%s'\n",
		c->method, summary);
	for (const struct arg *a = command_args(c); a->name; a++)
		fish_argument(condition, a);
}

static void print_fish(void)
{
	g_print("# fish completion of weftctl; made by weftctl --completion fish\n\n"
		"# The method on the command line, after the options and their values.\n"
		"function __weftctl_method\n"
		"\tset -l skip 0\n"
		"\tfor word in (commandline -opc)[2..-1]\n"
		"\t\tif test $skip = 1\n\t\t\tset skip 0\n\t\t\tcontinue\n\t\tend\n"
		"\t\tswitch $word\n\t\t\tcase");
	for (const struct arg *a = command_self.args; a->name; a++) {
		if (!arg_is_flag(a) && a->letter)
			g_print(" -%c", a->letter);
		if (!arg_is_flag(a))
			g_print(" --%s", a->name);
	}
	g_print("\n\t\t\t\tset skip 1\n\t\t\tcase '-*'\n\t\t\tcase '*'\n"
		"\t\t\t\techo $word\n\t\t\t\treturn 0\n\t\tend\n\tend\n\treturn 1\nend\n\n"
		"complete -c weftctl -f\n");
	for (const struct arg *a = command_self.args; a->name; a++)
		fish_argument("not __weftctl_method >/dev/null", a);
	command_each(fish_method, NULL);
}

bool completion_print(const char *shell)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} all[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };

	for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
		if (strcmp(all[i].shell, shell) == 0) {
			all[i].print();
			return true;
		}
	}
	return false;
}
