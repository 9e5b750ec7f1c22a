#!/bin/sh
# native.sh FALUA MODULES DIR -- cases.mjs by fal's own host names
#
# To be run by `unshare -m -n`: in a network and a file system view of its own,
# fal's names lead to 127.0.0.1, where nginx speaks TLS with a throw-away CA
# and passes everything on to `falua serve`. No client is told of any of it.

set -eu
falua=$1 modules=$2 dir=$3
here=$(cd "$(dirname "$0")" && pwd)
names="fal.run queue.fal.run ws.fal.run rest.fal.ai v3.fal.media"

ip link set lo up
echo "127.0.0.1 localhost $names" > "$dir/hosts"
mount --bind "$dir/hosts" /etc/hosts

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=falua spec CA" \
  -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
alt=$(for n in $names; do printf 'DNS:%s,' "$n"; done)
openssl req -newkey rsa:2048 -nodes -subj "/CN=fal.run" -keyout "$dir/key.pem" -out "$dir/csr.pem" 2>/dev/null
printf 'subjectAltName=%s\n' "${alt%,}" > "$dir/ext"
openssl x509 -req -in "$dir/csr.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
  -extfile "$dir/ext" -out "$dir/cert.pem" 2>/dev/null

mkfifo "$dir/line"
"$falua" serve --listen 127.0.0.1:0 --keep-alive 1 --apps "$here/apps" > "$dir/line" 2> "$dir/serve.log" &
server=$!
read -r line < "$dir/line"

cat > "$dir/nginx.conf" <<CONF
daemon off;
pid $dir/nginx.pid;
error_log $dir/nginx.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path $dir/body;
  proxy_temp_path $dir/proxy;
  fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
  map \$http_upgrade \$connection_kind { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:443 ssl;
    server_name $names;
    ssl_certificate $dir/cert.pem;
    ssl_certificate_key $dir/key.pem;
    client_max_body_size 0;
    location / {
      proxy_pass ${line#listening on };
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_set_header Host \$host;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header Upgrade \$http_upgrade;
      proxy_set_header Connection \$connection_kind;
    }
  }
}
CONF
nginx -e "$dir/nginx.log" -c "$dir/nginx.conf" &
proxy=$!
trap 'kill $proxy $server 2>/dev/null; wait' EXIT

tries=0
until curl -s --cacert "$dir/ca.pem" https://fal.run/health > /dev/null; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || { echo "nginx does not answer"; cat "$dir/nginx.log"; exit 1; }
  sleep 0.05
done
NODE_EXTRA_CA_CERTS="$dir/ca.pem" node "$here/cases.mjs" "$modules" none native
