/** What `driver.py` is told at its start. */
export interface Settings {
  cloudsYaml: string;
  /** The cloud there whose account Manila works as. */
  cloud: string;
  /** An HTTP proxy that reaches the service network. */
  sshProxy: string;
  /** For its manila.conf, its log and its locks; the original's alone. */
  stateDir: string;
  /** More options of its backend in manila.conf. */
  options: Record<string, string>;
}

export interface Keys {
  privateKey: string;
  publicKey: string;
}

/** Names of its own, so that nothing of Hawser's on the same cloud is taken for Manila's. */
export const ownOptions = ({ privateKey, publicKey }: Keys): Settings['options'] => ({
  path_to_private_key: privateKey,
  path_to_public_key: publicKey,
  manila_service_keypair_name: 'original',
  service_image_name: 'manila-service-image',
  service_instance_flavor_id: '100',
  service_instance_security_group: 'original',
  service_network_name: 'original_service_network',
  service_network_cidr: '10.250.0.0/16',
});
