#!/bin/sh
# SPDX-License-Identifier: ISC
#
# run_proverif.sh MODEL.pv: run each case of one ProVerif model.
#
# A case is a comment line
#	(* @case NAME | VERDICTS | WORD=TEXT | WORD=TEXT ... *)
# each WORD of the model is replaced by its TEXT; a line (* @text WORD=TEXT *)
# gives a long text a short name. VERDICTS are those of the RESULT lines, in
# order: true, false, unproved; "nottrue" alone = false or unproved.
# Exit 0 = all as expected, 1 = not, 77 = proverif is missing.

set -u
LC_ALL=C
export LC_ALL
model=${1:?usage: run_proverif.sh MODEL.pv}

if ! command -v proverif >/dev/null 2>&1; then
	echo "skipped: proverif is not installed"
	exit 77
fi
if [ ! -r "$model" ]; then
	echo "not ok: $model cannot be read"
	exit 1
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
name=$(basename "$model" .pv)
bad=0
ran=0

make_case() { # make_case NUMBER: print the model with the words of that case
	awk -v want="$1" '
	function swap(line, word, text,   out, at, next_c, prev_c) {
		out = ""
		while ((at = index(line, word)) > 0) {
			prev_c = at > 1 ? substr(line, at - 1, 1) : " "
			next_c = substr(line, at + length(word), 1)
			if (prev_c ~ /[A-Za-z0-9_]/ || next_c ~ /[A-Za-z0-9_]/)
				out = out substr(line, 1, at + length(word) - 1)
			else
				out = out substr(line, 1, at - 1) text
			line = substr(line, at + length(word))
		}
		return out line
	}
	/@case / {
		if (++cases == want) {
			sub(/ *\*\)$/, "")
			n = split($0, part, / \| /)
			for (i = 3; i <= n; i++) {
				eq = index(part[i], "=")
				if (eq > 0) {
					w[++words] = substr(part[i], 1, eq - 1)
					t[words] = substr(part[i], eq + 1)
				}
			}
		}
		next
	}
	/@text / {
		sub(/^.*@text /, "")
		sub(/ *\*\)$/, "")
		eq = index($0, "=")
		long[substr($0, 1, eq - 1)] = substr($0, eq + 1)
		next
	}
	{ line[++lines] = $0 }
	END {
		for (i = 1; i <= lines; i++) {
			s = line[i]
			for (j = 1; j <= words; j++)
				s = swap(s, w[j], (t[j] in long) ? long[t[j]] : t[j])
			print s
		}
	}' "$model"
}

total=$(grep -c '@case ' "$model")
while [ "$ran" -lt "$total" ]; do
	ran=$((ran + 1))
	head=$(grep '@case ' "$model" | sed -n "${ran}p")
	what=$(echo "$head" | awk -F'|' '{ sub(/^.*@case /, "", $1); gsub(/ /, "", $1); print $1 }')
	want=$(echo "$head" | awk -F'|' '{ $2 = $2; gsub(/^ +| +$/, "", $2); print $2 }')
	make_case "$ran" >"$work/case.pv"
	proverif "$work/case.pv" >"$work/out" 2>&1
	# "is true." "is false." "cannot be proved."; an equivalence ends alike
	got=$(sed -n -e '/^RESULT/!d' -e 's/^.*is true.*$/true/p' \
	    -e 's/^.*is false.*$/false/p' -e 's/^.*cannot be proved.*$/unproved/p' \
	    "$work/out" | tr '\n' ' ' | sed 's/ $//')
	# an equivalence that fails may be reported either way
	if [ "$want" = nottrue ]; then
		case $got in
		false | unproved) want=$got ;;
		esac
	fi
	if [ "$got" = "$want" ]; then
		echo "ok: $name $what: $got"
	else
		echo "NOT OK: $name $what: got '$got', want '$want'"
		tail -n 40 "$work/out"
		bad=1
	fi
done
if [ "$total" -eq 0 ]; then
	echo "NOT OK: $name has no case"
	bad=1
fi
exit $bad
