# From meta_data.json, with the user data as $user_data: instance id, host name, public keys and private host
# key, each ended by a NUL. Hawser writes its cloud-config as one JSON object; other YAML counts for nothing here.
($user_data | if startswith("#cloud-config\n") then (.[14:] | try fromjson catch {}) else {} end) as $config
| (.uuid // ""),
  (.hostname // "" | split(".")[0] // "" | gsub("[^A-Za-z0-9-]"; "")),
  ([.public_keys // {} | .[]] | join("\n")),
  ($config.ssh_keys?.ed25519_private? // "")
| ., "\u0000"
