// The files that nginx's unprivileged image has beside its packages, written anew: the main configuration, and an entry point
// that renders templates.

/** What goes into conf.d/ is read inside `http`, and all that nginx writes is below /tmp. */
export const NGINX_CONF = `worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /tmp/nginx.pid;

events {
  worker_connections 1024;
}

http {
  proxy_temp_path /tmp/proxy_temp;
  client_body_temp_path /tmp/client_temp;
  fastcgi_temp_path /tmp/fastcgi_temp;
  uwsgi_temp_path /tmp/uwsgi_temp;
  scgi_temp_path /tmp/scgi_temp;

  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /var/log/nginx/access.log combined;
  sendfile on;
  keepalive_timeout 65;

  include /etc/nginx/conf.d/*.conf;
}
`;

/** As the image has it before anything is configured. */
export const DEFAULT_CONF = `server {
  listen 8080;
  location / {
    root /usr/share/nginx/html;
    index index.html;
  }
}
`;

/** Renders templates/x.template to conf.d/x with the variables whose names match NGINX_ENVSUBST_FILTER, then runs the command. */
export const ENTRYPOINT = `#!/bin/sh
set -eu
templates=\${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=\${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=\${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
if [ -d "$templates" ]; then
  variables=$(awk -v filter="\${NGINX_ENVSUBST_FILTER:-}" \\
    'BEGIN { for (name in ENVIRON) if (name ~ filter) printf "\${%s} ", name }')
  for template in "$templates"/*"$suffix"; do
    [ -e "$template" ] || continue
    envsubst "$variables" <"$template" >"$output/$(basename "$template" "$suffix")"
  done
fi
exec "$@"
`;
