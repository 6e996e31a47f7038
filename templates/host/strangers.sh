# shellcheck shell=bash
# Sentinels that watch or remember what is no member; see redis_cluster/strangers.py.

# mend_sentinels: by the first sentinel-stop, while all the others can act.
mend_sentinels() {
  local mended what name
  mended=$(ask_group mend-sentinels "$members_file" "$secrets_file" "$staged/sentinel.conf" "$(whether role_deployed)")
  while read -r what name; do
    case $what in
      forgot) did "had the sentinel on $name forget what is no member" ;;
      watches) did "had the sentinel on $name watch the master" ;;
    esac
  done <<<"$mended"
}
