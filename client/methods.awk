# SPDX-License-Identifier: ISC
# node/control/methods.def as a list for others: -v form=header (C strings for completion),
# form=markdown (the table of docs/control.md). One entry a line; "PARAM(m, name, type, need, ..)".
function strip(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); gsub(/^"|"$/, "", s); return s }
function flush() {
	if (name == "")
		return
	if (form == "header")
		printf "\tMETHOD(\"%s\", \"%s\") \\\n", name, options
	else
		printf "| `%s` | %s | %s | %s | %s |\n", name, right, params == "" ? "-" : params, result, summary
}
BEGIN {
	letter["ANY"] = "-"; letter["READ"] = "R"; letter["SEND"] = "S"; letter["CONTACTS"] = "C"
	letter["ADMIN"] = "A"; letter["OWNER"] = "O"
	if (form == "header")
		print "/* Made from node/control/methods.def. */\n#define KITH__METHOD_NAMES \\"
}
/^METHOD\(/ {
	flush()
	line = $0
	sub(/^METHOD\(/, "", line)
	split(line, head, ", ")
	name = strip(head[2]); right = letter[head[3]]
	# result and summary are the last two strings
	n = split(line, quoted, "\"")
	result = quoted[4]; summary = quoted[6]
	params = ""; options = ""
}
/^PARAM\(/ {
	line = $0
	sub(/^PARAM\(/, "", line); sub(/\)$/, "", line)
	split(line, part, ", ")
	type = tolower(part[3])
	limit = ""
	if (type == "text")
		limit = " <= " part[6] " B"
	else if (type == "int" && part[6] + 0 < 9007199254740991)
		limit = " " part[5] ".." part[6]
	else if (type == "texts")
		limit = " <= " part[6]
	params = params (params == "" ? "" : ", ") part[2] (part[4] == "MAY" ? "?" : "") ": " type limit
	options = options (options == "" ? "" : " ") "--" part[2]
}
END {
	flush()
	if (form == "header")
		print "\t/* end */"
}
