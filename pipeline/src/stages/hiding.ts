// Shell functions that take secrets out of what a command left, before a layer, a log or a report holds it. For any POSIX shell, busybox too.
import { SHORTEST } from '../oci/hidden.ts';

/**
 * `hide LINE`, `hide_variables NAME…` and `hide_proxies`, all below `$folder`. An engine takes out of a command's output what it knows as secret, and
 * looks into no file. The passwords of proxies reach every step, since a host's proxies do.
 */
export const HIDING = `hide() {
  [ "\${#1}" -ge ${SHORTEST} ] || return 0
  pattern=$(printf '%s' "$1" | LC_ALL=C sed 's,[]\\/.*^$[],\\\\&,g')
  find "$folder" -type f -exec grep -qF -e "$1" {} \\; -exec env LC_ALL=C sed -i "s/$pattern/***/g" {} \\;
}
hide_variables() { for name; do hide "$(eval "printf '%s' \\"\\\${$name-}\\"")"; done; }
hide_proxies() {
  for address in "\${HTTP_PROXY-}" "\${http_proxy-}" "\${HTTPS_PROXY-}" "\${https_proxy-}" "\${ALL_PROXY-}" "\${all_proxy-}"; do
    case $address in *://*:*@*) address=\${address#*://}; address=\${address%@*}; hide "\${address#*:}" ;; esac
  done
}
`;
