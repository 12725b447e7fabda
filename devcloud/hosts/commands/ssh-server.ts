import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from 'ssh2';

const { Server, utils } = ssh2;

export interface SshServerOptions {
  /** In OpenSSH's or PEM form. */
  hostKey: string;
  /** May log in as `manila`; one-line form. Without any the password counts. */
  authorizedKeys: string[];
  /** `hangUp` ends the connection that the channel is one of. */
  run: (command: string, channel: ServerChannel, hangUp: () => void) => void;
}

/** What the image of every simulated host has as the password of `manila`; asked for, as PAM does. */
export const IMAGE_PASSWORD = 'simulated';

/** An SSH server for one host: commands only. It never listens; inject sockets. */
export function createSshServer({ hostKey, authorizedKeys, run }: SshServerOptions): ssh2.Server {
  const keys = authorizedKeys.map((line) => parseKey(line)).filter((key) => key !== undefined);
  return new Server({ hostKeys: [hostKey], ident: 'devcloud' }, (client) => {
    client.on('authentication', (attempt) => authenticate(attempt, keys));
    const channels = new Set<ServerChannel>();
    client.on('session', (accept) =>
      serveSession(accept(), (command, channel) => {
        channels.add(channel);
        channel.once('close', () => channels.delete(channel));
        run(command, channel, () => client.end());
      }),
    );
    // ssh2 leaves the channels of a lost connection open.
    client.on('close', () => channels.forEach((channel) => channel.destroy()));
    // Connections break; the client learns of it on its own side.
    client.on('error', () => undefined);
    closeOnRequests(client);
  });
}

function parseKey(line: string): ssh2.ParsedKey | undefined {
  const key = utils.parseKey(line);
  return key instanceof Error ? undefined : key;
}

function authenticate(attempt: AuthContext, keys: ssh2.ParsedKey[]): void {
  if (keys.length === 0) return askForPassword(attempt);
  if (attempt.method !== 'publickey') return attempt.reject(['publickey']);
  const { key, signature, blob, hashAlgo } = attempt;
  const known = keys.find((candidate) => candidate.getPublicSSH().equals(key.data));
  if (attempt.username !== 'manila' || !known) return attempt.reject(['publickey']);
  const proven = !signature || (blob && known.verify(blob, signature, hashAlgo));
  return proven ? attempt.accept() : attempt.reject(['publickey']);
}

function askForPassword(attempt: AuthContext): void {
  if (attempt.method !== 'keyboard-interactive') return attempt.reject(['keyboard-interactive']);
  attempt.prompt([{ prompt: 'Password: ', echo: false }], ([answer]) => {
    if (attempt.username === 'manila' && answer === IMAGE_PASSWORD) attempt.accept();
    else attempt.reject();
  });
}

function serveSession(
  session: Session,
  run: (command: string, channel: ServerChannel) => void,
): void {
  session.on('exec', (accept, _reject, { command }) => run(command, accept()));
  session.on('env', (_accept, reject) => reject?.());
  session.on('pty', (_accept, reject) => reject?.());
  session.on('shell', (_accept, reject) => reject?.());
}

function closeOnRequests(client: Connection): void {
  client.on('request', (_accept, reject) => reject?.());
}
