import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { registerService } from './api/service.js';
import { cinderJobs, cinderServices } from './cinder/cinder.js';
import { makeStores } from './cinder/volume-files.js';
import type { Cloud } from './cloud.js';
import { ensurePasswords, writeCloudsYaml } from './clouds-yaml.js';
import { serveConnect } from './connect.js';
import { control } from './control.js';
import { serveFaults } from './fault-hooks.js';
import { Faults } from './faults.js';
import { Gate } from './gate.js';
import { glance } from './glance/glance.js';
import type { Hosts } from './hosts/hosts.js';
import { Jobs } from './jobs.js';
import { keystone } from './keystone/keystone.js';
import { Latencies } from './latencies.js';
import { neutron } from './neutron/neutron.js';
import { Plane } from './neutron/plane.js';
import { novaJobs, novaServices } from './nova/nova.js';
import { changeServer } from './nova/server-jobs.js';
import { powerOn } from './nova/server-power.js';
import { placementRoot } from './placement.js';
import { Quotas } from './quotas.js';
import { RequestLog } from './request-log.js';
import { seed } from './seed.js';
import { lockState } from './state-lock.js';
import { watchCommands } from './ssh-commands.js';
import { Store } from './state.js';
import { openTables } from './tables.js';

export interface DevcloudOptions {
  stateDir: string;
  /** 0 picks a free one. */
  port: number;
  hosts: Hosts;
  log: Logger;
  /** A qcow2 file that becomes `manila-service-image` when the cloud is new. */
  imageFile?: string;
  /** Milliseconds by transition. */
  latencies?: Record<string, number>;
}

export interface Devcloud {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** A clouds.yaml with the clouds `admin`, `hawser` and `demo`. */
  cloudsYaml: string;
  /** Stops answering; machines run on, as after a kill. */
  stop(): Promise<void>;
  /** Stops answering, and ends all machines and networks. What the cloud remembers stays. */
  close(): Promise<void>;
}

/** Starts the cloud, new or as it was left in `stateDir`. */
export async function startDevcloud(options: DevcloudOptions): Promise<Devcloud> {
  const unlock = lockState(options.stateDir);
  const cloud = openCloud(options);
  const gate = new Gate();
  const app = buildApp(cloud, gate);
  const tunnels = serveConnect(app.server, cloud, gate);
  const stop = async () => {
    tunnels.closeAll();
    await app.close();
    await cloud.jobs.stop();
    await cloud.plane.stop();
    cloud.store.close();
    unlock();
  };
  const close = async () => {
    await stop();
    await cloud.hosts.powerOff();
  };
  try {
    // First of all, so that a port that is taken hurts no machine.
    cloud.url = await app.listen({ host: '127.0.0.1', port: options.port });
  } catch (error) {
    await stop();
    throw error;
  }
  try {
    const cloudsYaml = await bringUp(cloud, options);
    gate.open();
    return { url: cloud.url, cloudsYaml, stop, close };
  } catch (error) {
    gate.open();
    await close();
    throw error;
  }
}

/** Machines that should run do run, and what was under way goes on. Returns the clouds.yaml. */
async function bringUp(cloud: Cloud, { imageFile }: DevcloudOptions): Promise<string> {
  await makeStores(cloud);
  await cloud.hosts.start();
  const passwords = await ensurePasswords(cloud.stateDir);
  await seed(cloud, passwords, imageFile);
  await cloud.plane.settled();
  await powerOnAll(cloud);
  cloud.jobs.start();
  return writeCloudsYaml(cloud, passwords);
}

async function powerOnAll(cloud: Cloud): Promise<void> {
  for (const { id, vmState } of cloud.tables.servers.all()) {
    if (vmState !== 'active' || (await cloud.hosts.isRunning(id))) continue;
    await powerOn(cloud, id).catch((error: unknown) => {
      cloud.log.error({ err: error, server: id }, 'The server could not be powered on again');
      changeServer(cloud, id, { vmState: 'stopped', powerState: 4, taskState: null });
    });
  }
}

function openCloud({ stateDir, hosts, log, latencies: wanted = {} }: DevcloudOptions): Cloud {
  const store = new Store(stateDir);
  const tables = openTables(store);
  const latencies = new Latencies(tables.latencies);
  for (const [transition, ms] of Object.entries(wanted)) latencies.set(transition, ms);
  const jobs = new Jobs(tables.jobs, latencies, log);
  const quotas = new Quotas(tables.quotas);
  const faults = new Faults(tables.faults);
  const parts = { url: '', stateDir, log, hosts, store, tables, latencies, jobs, quotas, faults };
  const cloud: Cloud = { ...parts, plane: new Plane(hosts, tables, log) };
  cinderJobs(cloud);
  novaJobs(cloud);
  return cloud;
}

function buildApp(cloud: Cloud, gate: Gate): FastifyInstance {
  const app = Fastify({
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 500 },
    genReqId: () => `req-${randomUUID()}`,
    // Answers to `kill` and Ctrl-C must not wait for idle clients.
    forceCloseConnections: true,
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-openstack-request-id', request.id);
    await gate.passed;
  });
  acceptEmptyJson(app);
  const requests = new RequestLog(cloud.log);
  requests.watch(app, cloud);
  serveFaults(app, cloud);
  watchCommands(cloud, requests);
  cloud.hosts.keepPace?.({
    boot: () => cloud.latencies.get('host.boot'),
    command: () => cloud.latencies.get('ssh.command'),
  });
  app.addHook('onSend', async (_request, _reply, payload) => {
    cloud.store.flush();
    return payload;
  });
  const services = [keystone, ...novaServices, ...cinderServices, neutron, glance, placementRoot];
  for (const service of [...services, control(requests)]) registerService(app, cloud, service);
  return app;
}

/** Some clients name JSON as the type of a body that they do not send. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'ignore');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parseJson(request, String(body), done);
  });
}
