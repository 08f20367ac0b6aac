# A stub for tests: config_load and its like of OpenWrt's functions.sh, on the stub of uci.
config_load() { stub_package=$1; }
config_get() {
	stub_value="$(uci -q get "$stub_package.$2.$3")"
	eval "$1=\"\${stub_value:-\$4}\""
}
config_get_bool() {
	config_get "$@"
	eval "case \"\$$1\" in 1|on|true|yes|enabled) $1=1 ;; 0|off|false|no|disabled) $1=0 ;; *) $1=\$4 ;; esac"
}
config_foreach() {
	for stub_section in $(uci -q show "$stub_package" | sed -n "s/^[^.]*\.\([^.=]*\)=$2\$/\1/p"); do
		"$1" "$stub_section"
	done
}
