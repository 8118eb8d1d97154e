# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion for bash. Commands and options are asked of the program, so that they stay true.

# The option rows of a help text: "-x", "--long" and "--long ARG", one a line.
_peekpush_options()
{
	"$1" "${@:2}" --help 2>/dev/null | awk '
		!/^  (-[a-z], |    )--[a-z]/ { next }
		{ sub(/^ +/, "") }
		$1 ~ /^-[a-z],$/ { print substr($1, 1, 2) (letter() ? " ARG" : ""); sub(/^-[a-z], /, "") }
		{ print $1 (letter() ? " ARG" : "") }
		# One blank after the option leads to its argument, more to the explanation.
		function letter() { return $0 ~ /--[a-z-]+ [^ ]/ }'
}

_peekpush_words()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

# _peekpush_list NAME... CURRENT: names in a comma separated list whose last item is being typed; -NAME
# takes one out.
_peekpush_list()
{
	local done= item=${*: -1} minus= name

	[[ $item == *,* ]] && done=${item%,*}, item=${item##*,}
	[[ $item == -* ]] && minus=- item=${item#-}
	for name in "${@:1:$#-1}"; do
		[[ $name == "$item"* ]] && COMPREPLY+=("$done$minus$name")
	done
	compopt -o nospace 2>/dev/null
}

# The first column of the first table that a command prints, without its heading.
_peekpush_column()
{
	"$@" 2>/dev/null | awk 'NF == 0 { exit } NR > 1 { print $1 }'
}

# The value of an option, by its name.
_peekpush_value()
{
	case $2 in
	-c | --config)
		mapfile -t COMPREPLY < <(compgen -f -- "$3")
		compopt -o filenames 2>/dev/null
		;;
	--procfs | --sysfs | --rootfs | --udev | --state-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$3")
		compopt -o filenames 2>/dev/null
		;;
	--collectors)
		# shellcheck disable=SC2046
		_peekpush_list default all $(_peekpush_column "$1" list --collectors '') "$3"
		;;
	--programs)
		# shellcheck disable=SC2046
		_peekpush_list default all $(_peekpush_column "$1" bpf list) "$3"
		;;
	--set)
		# What each collector has is shown by `check` only where it is set.
		mapfile -t COMPREPLY < <(compgen -W "$("$1" check --url stdout: --collectors self \
			2>/dev/null | awk 'NF == 0 { tables++; row = 0; next }
				row++ && !tables { print $1 "=" }
				row > 1 && tables == 1 { print "collectors." $1 ".metrics_include="
					print "collectors." $1 ".metrics_exclude="
					print "collectors." $1 ".labels_include."
					print "collectors." $1 ".labels_exclude."
					print "collectors." $1 ".labels_drop="
					print "collectors." $1 ".series=" }')" -- "$3")
		compopt -o nospace 2>/dev/null
		;;
	esac
}

_peekpush()
{
	local program=${COMP_WORDS[0]/#\~/$HOME} cur=${COMP_WORDS[COMP_CWORD]} command= options
	local commands word value= i

	COMPREPLY=()
	commands=$("$program" --help 2>/dev/null |
		awk '/^Commands:/ { on = 1; next } on && !NF { exit } on && /^  [a-z]/ { print $1 }')
	# Before the command stands what `check` takes, but for what it alone takes.
	options=$(_peekpush_options "$program" check | grep -vE -e '^--(gateway|stale)')
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ -n $value ]]; then
			# Readline makes "=" a word of its own.
			[[ $word == "=" ]] || value=
			continue
		fi
		if [[ $word == -* ]]; then
			if [[ $word == -- && $command == run ]]; then
				_command_offset $((i + 1))
				return
			fi
			grep -qxF -e "$word ARG" <<<"$options" && value=$word
		elif [[ -z $command ]]; then
			command=$word
			options=$(_peekpush_options "$program" "$command")
		elif [[ $command == run ]]; then
			_command_offset "$i"
			return
		fi
	done
	if [[ -n $value ]]; then
		[[ $cur == "=" ]] && cur=
		_peekpush_value "$program" "$value" "$cur"
	elif [[ $cur == -* ]]; then
		_peekpush_words "${options// ARG/}" "$cur"
	elif [[ -z $command ]]; then
		_peekpush_words "$commands" "$cur"
	elif [[ $command == list ]]; then
		# Usage: peekpush list [OPTIONS] [collectors|metrics|...]
		_peekpush_words "$("$program" list --help 2>/dev/null |
			sed -n '1s/.*\[\([a-z|]*\)\]$/\1/p' | tr '|' ' ')" "$cur"
	elif [[ $command == bpf ]]; then
		[[ ${COMP_WORDS[COMP_CWORD - 1]} == bpf ]] && _peekpush_words "load unload list" "$cur"
	elif [[ $command == metric ]]; then
		[[ ${COMP_WORDS[COMP_CWORD - 1]} == metric ]] &&
			_peekpush_words "set inc observe" "$cur"
	elif [[ $command == run ]]; then
		_command_offset "$COMP_CWORD"
	fi
}

complete -F _peekpush peekpush
