# SPDX-License-Identifier: ISC
# Completion of kith for bash; the words come from the program.
_kith() {
	local IFS=$'\n'
	COMPREPLY=($(compgen -W "$(kith __complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" \
		-- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _kith kith
