import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { z } from 'zod';
import { loadCloudConfig } from '../../../openstack/cloud-config.js';
import { logIn } from '../../../openstack/log-in.js';
import { Transport } from '../../../openstack/transport.js';
import { pollMs } from './contender.js';

/** Of Debian's Zed; the project need not be in the path since 2.60. */
const microversion = '2.65';
const limitMs = 600_000;

/** Manila's REST API, as one user of the cloud. */
export class ManilaApi {
  readonly #endpoint: string;
  readonly #token: string;

  private constructor(endpoint: string, token: string) {
    this.#endpoint = endpoint;
    this.#token = token;
  }

  static async connect(cloudsYaml: string, cloud: string): Promise<ManilaApi> {
    const config = loadCloudConfig({ cloud, env: { OS_CLIENT_CONFIG_FILE: cloudsYaml } });
    const transport = new Transport(config.tls);
    try {
      const { catalog, value } = await logIn(transport, config, 60_000);
      const endpoints = catalog.find(({ type }) => type === 'sharev2')?.endpoints;
      const url = endpoints?.find((one) => one.interface === 'public')?.url;
      if (!url) throw new Error('The catalog has no Manila; start the cloud with up --manila');
      return new ManilaApi(url, value.reveal());
    } finally {
      await transport.close();
    }
  }

  get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return this.#ask('GET', path, schema);
  }

  post<T>(path: string, body: object, schema: z.ZodType<T>): Promise<T> {
    return this.#ask('POST', path, schema, body);
  }

  /** Asks for what answers without a word. */
  async act(path: string, body: object): Promise<void> {
    await this.#send('POST', path, body);
  }

  /** Asks for deletion and returns when it is gone. */
  async delete(path: string): Promise<void> {
    await this.#send('DELETE', path);
    await this.until(path, z.unknown(), () => false);
  }

  /** Looks until `done`, for ten minutes at most; what is gone is done. */
  async until<T>(path: string, schema: z.ZodType<T>, done: (seen: T) => boolean): Promise<void> {
    for (const end = Date.now() + limitMs; Date.now() < end; await sleep(pollMs)) {
      const { status, text } = await this.#send('GET', path, undefined, [404]);
      if (status === 404 || done(schema.parse(JSON.parse(text)))) return;
    }
    throw new Error(`Manila: ${path} is not as wanted after ${limitMs / 60_000} minutes`);
  }

  async #ask<T>(method: 'GET' | 'POST', path: string, schema: z.ZodType<T>, body?: object) {
    return schema.parse(JSON.parse((await this.#send(method, path, body)).text));
  }

  async #send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object, alsoFine = [0]) {
    const answer = await request(this.#endpoint + path, {
      method,
      headers: {
        'content-type': 'application/json',
        'x-auth-token': this.#token,
        'x-openstack-manila-api-version': microversion,
      },
      body: body && JSON.stringify(body),
    });
    const text = await answer.body.text();
    const status = answer.statusCode;
    if (status < 300 || alsoFine.includes(status)) return { status, text };
    throw new Error(`Manila: ${method} ${path} answered ${status}: ${text}`);
  }
}
