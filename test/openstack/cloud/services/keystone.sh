# shellcheck shell=bash

configure_keystone() {
  mkdir -p "$data/keystone"
  # Hashing with more rounds makes each login cost half a second of CPU.
  cat >"$etc/keystone.conf" <<END
[database]
connection = $(database_url keystone)
max_pool_size = 5
[identity]
password_hash_rounds = 4
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $data/keystone/fernet-keys
[fernet_receipts]
key_repository = $data/keystone/fernet-keys
[credential]
key_repository = $data/keystone/credential-keys
[cache]
enabled = true
backend = dogpile.cache.memcached
memcache_servers = 127.0.0.1:11211
END
  write_clouds_yaml
}

write_clouds_yaml() {
  (
    umask 077
    {
      echo 'clouds:'
      cloud_entry admin admin
      cloud_entry hawser service
      cloud_entry demo demo
    } >"$clouds_yaml.new"
    mv "$clouds_yaml.new" "$clouds_yaml"
  )
}

# cloud_entry USER PROJECT
cloud_entry() {
  cat <<END
  $1:
    auth:
      auth_url: http://127.0.0.1:5000/v3
      username: $1
      password: $(secret "$1")
      project_name: $2
      user_domain_name: Default
      project_domain_name: Default
    region_name: RegionOne
    identity_api_version: 3
    volume_api_version: '3'
END
}

start_keystone() {
  once keystone-database prepare_keystone
  OS_KEYSTONE_CONFIG_FILES=$etc/keystone.conf start_wsgi keystone 5000 /usr/bin/keystone-wsgi-public 2
}

prepare_keystone() {
  local manage=(keystone-manage --config-file "$etc/keystone.conf") url=http://127.0.0.1:5000/v3/
  create_database keystone
  "${manage[@]}" db_sync
  "${manage[@]}" fernet_setup --keystone-user root --keystone-group root
  "${manage[@]}" credential_setup --keystone-user root --keystone-group root
  OS_BOOTSTRAP_PASSWORD=$(secret admin) "${manage[@]}" bootstrap --bootstrap-region-id RegionOne \
    --bootstrap-admin-url $url --bootstrap-public-url $url --bootstrap-internal-url $url
}

await_keystone() { await keystone 60 listens 5000; }
