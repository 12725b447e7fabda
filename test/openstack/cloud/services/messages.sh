# shellcheck shell=bash
# RabbitMQ between the services' processes, memcached for their tokens.

start_messages() {
  start rabbitmq env RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_DIST_PORT=25672 \
    ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_MNESIA_BASE="$data/rabbitmq" RABBITMQ_LOG_BASE="$log" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 1:1 +sbwt none' /usr/lib/rabbitmq/bin/rabbitmq-server
  start memcached memcached -u root -l 127.0.0.1 -m 64
}

await_messages() { await rabbitmq 90 bash -c 'exec 3<>/dev/tcp/127.0.0.1/5672'; }
