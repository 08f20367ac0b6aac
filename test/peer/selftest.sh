#!/bin/sh
# Both peers against both dialers, over UDP and TCP, with PSK and with certificates: the whole of selftest.jsonl each.
set -eu
out=$(cd "$1" && pwd); here=$(cd "$(dirname "$0")" && pwd); work=$(mktemp -d); port=${PORT:-5790}
trap 'rm -rf "$work"' EXIT
cd "$work"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 1 2>/dev/null
for name in localhost cpe-0001; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj /CN=$name 2>/dev/null
  echo "subjectAltName=DNS:$name" >ext
  openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile ext -out $name.pem 2>/dev/null
done
big=$(head -c 3000 /dev/zero | tr '\0' x)
sed "s/BIG/$big/" "$here/selftest.jsonl" >script.jsonl
expected=$(grep -cE '"(put|get|delete|heartbeat|config-.*)"' script.jsonl)

bad=0
for peer in openssl gnutls; do for dialer in openssl gnutls; do for transport in udp tcp; do for auth in psk cert; do
  port=$((port + 1)); log=$peer-$dialer-$transport-$auth
  if [ $auth = psk ]; then set -- psk cpe-0001 secret; ours="--psk cpe-0001:secret"
  else set -- cert cpe-0001.pem cpe-0001.key ca.pem; ours="--cert localhost.pem --key localhost.key --ca ca.pem"; fi
  ${WRAP:-} "$out/peer-$peer" --listen 127.0.0.1:$port --transport $transport $ours --script script.jsonl >"$log" 2>"$log.err" &
  pid=$!
  for _ in $(seq 100); do grep -qs listening "$log" && break; sleep 0.05; done
  timeout 60 "$out/selftest-$dialer" 127.0.0.1 $port $transport "$@" >"$log.router" 2>&1 && dialled=0 || dialled=$?
  wait $pid && status=0 || status=$?
  answers=$(grep -c '"event":"answer".*"code":"2\.' "$log" || true)
  heartbeats=$(grep -c '"event":"request".*"answered":"2.04"' "$log" || true)
  identity=$(sed -n 's/.*"is":"up".*"identity":"\([^"]*\)".*/\1/p' "$log")
  if [ $status = 0 ] && [ $dialled = 0 ] && [ "$answers" = "$expected" ] && [ "$heartbeats" = 2 ] && [ "$identity" = cpe-0001 ]; then
    echo "ok      peer-$peer, router on $dialer, $transport, $auth"
  else
    echo "FAILED  peer-$peer, router on $dialer, $transport, $auth: status $status, router $dialled, answers $answers of $expected, heartbeats $heartbeats of 2, identity $identity"
    cut -c1-400 "$log"; cat "$log.err" "$log.router"; bad=1
  fi
done; done; done; done
exit $bad
