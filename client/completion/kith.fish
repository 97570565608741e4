# SPDX-License-Identifier: ISC
# Completion of kith for fish; the words come from the program.
complete -c kith -f -a '(kith __complete -- (commandline -opc)[2..-1] 2>/dev/null)'
