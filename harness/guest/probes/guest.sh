# Facts of a guest in one round trip. Prepended by the caller: MARK (starts each section), UNIT, WAIT_UNITS,
# AGENT_DIR, ENTRY, PROPERTIES. POSIX sh, coreutils and systemd only; every process counts under emulation.
export LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat
work=$(mktemp -d /tmp/acceptance.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
read -r uptime _ </proc/uptime
read -r boot_id </proc/sys/kernel/random/boot_id

date +%s.%N >clock &
systemd-analyze --man=no verify "$UNIT" >verify 2>&1 &
verifier=$!
systemctl list-units --failed --plain --no-legend --full >failed 2>&1 &
ss -ltnpH >ports 2>&1 &
ip -j addr >interfaces 2>&1 &
journalctl -u "$UNIT" -n 40 -o short-precise --no-pager --quiet >journal 2>&1 &
# shellcheck disable=SC2086 # a list of unit names
systemctl show --no-pager -p "$PROPERTIES" "$UNIT" network-online.target $WAIT_UNITS >show 2>&1

fragment= drop_ins= group= pid=0
while IFS='=' read -r key value; do
    [ -n "$key" ] || break
    case $key in
    FragmentPath) fragment=$value ;;
    DropInPaths) drop_ins=$value ;;
    ControlGroup) group=$value ;;
    MainPID) pid=$value ;;
    esac
done <show

# shellcheck disable=SC2086 # a list of paths
{
    find "$AGENT_DIR" -maxdepth 2 -name node_modules -prune -o -type f -size -2048 \
        \( -name '*.js' -o -name '*.cjs' -o -name '*.mjs' \) -print
    for path in "$ENTRY" $fragment $drop_ins /etc/machine-id /etc/ssh/*_key.pub; do
        [ -f "$path" ] && printf '%s\n' "$path"
    done
} 2>/dev/null | sort -u | tar --dereference -P -cf - -T - 2>/dev/null | base64 -w 0 >files &

while [ -n "$group" ] && [ "$group" != / ]; do
    [ -r "/sys/fs/cgroup$group/memory.max" ] && read -r limit <"/sys/fs/cgroup$group/memory.max" &&
        printf '%s %s\n' "$group" "$limit"
    group=${group%/*}
done >memory
{
    cat "/proc/$pid/limits"
} >limits 2>/dev/null
wait "$verifier"
printf '\n%s verify_status\n%s' "$MARK" "$?"
wait
printf '\n%s uptime\n%s\n%s boot_id\n%s' "$MARK" "$uptime" "$MARK" "$boot_id"
for section in clock show failed ports interfaces journal verify memory limits files; do
    printf '\n%s %s\n' "$MARK" "$section"
    cat "$section"
done
printf '\n%s end\n' "$MARK"
